"""How each venue wants to be spoken to: dialect, names of securities, tags, extension parameters.

Data, not code: `Venue.template` holds the content of the approved format. Gateways read it from
memory, certified as it is; the API asks it what parameters a venue knows. Decides nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

import msgspec

from oms_site.firm.generation import Cached
from oms_site.kit.errors import Detail
from venues.models import Instrument, Venue, VenueSymbol

Dialect = Literal["FIX.4.2", "FIX.4.4", "FIX.5.0SP2"]
Source = Literal["1", "4", "8"]  # SecurityIDSource(22): CUSIP, ISIN, exchange symbol
Kind = Literal["text", "decimal", "integer", "boolean", "choice", "time"]
Tag = str
LONGEST = 64
# What the session layer and the identity of an order stand on: no format may touch it.
SACRED = frozenset({"8", "9", "10", "34", "35", "43", "49", "52", "56", "97", "122", "11", "41"})
ALGORITHM = "algorithm"


class Parameter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One extension parameter: the tag it is sent as, and what it may say."""

    tag: int = 0
    kind: Kind = "text"
    choices: tuple[str, ...] = ()
    required: bool = False
    label: str = ""
    # StrategyParameterType(959) in a group; unused for tags.
    wire_type: int = 14


class Algorithm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A broker's algorithm: TargetStrategy(847) and the parameters of its group (957)."""

    target: str
    label: str = ""
    parameters: dict[str, Parameter] = {}


class Content(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A format. By MsgType(35), `*` for all: constants are added, tags renamed or left out.

    `values` translates our word for a tag into theirs, and back on the way in.
    """

    dialect: Dialect = "FIX.4.4"
    security_id_source: Source = "1"
    symbol: str = "[N/A]"
    constants: dict[str, dict[Tag, str]] = {}
    rename: dict[str, dict[Tag, Tag]] = {}
    drop: dict[str, tuple[Tag, ...]] = {}
    values: dict[Tag, dict[str, str]] = {}
    extensions: dict[str, Parameter] = {}
    algorithms: dict[str, Algorithm] = {}
    # How a quote is hit: QuoteResponse(AJ), or a previously quoted order (D).
    hits: Literal["AJ", "D"] = "AJ"
    # What this venue takes least of all, for `venues.capabilities`.
    refuses: tuple[str, ...] = ()

    def of(self, part: Mapping[str, Any], msg_type: str) -> dict[str, Any]:
        """What a part says of a message type: what is said of all, then of this one."""
        return {**dict(part.get("*", {})), **dict(part.get(msg_type, {}))}

    def dropped(self, msg_type: str) -> set[str]:
        """The tags that this type goes without."""
        return {*self.drop.get("*", ()), *self.drop.get(msg_type, ())}


@dataclass(frozen=True, slots=True)
class Names:
    """What a venue calls securities, both ways; what nothing is agreed about keeps its CUSIP."""

    source: Source = "1"
    theirs: Mapping[str, str] = field(default_factory=dict)
    ours: Mapping[str, str] = field(default_factory=dict)

    def to_venue(self, cusip: str) -> str:
        """The venue's name of a security."""
        return self.theirs.get(cusip, cusip)

    def from_venue(self, name: str) -> str:
        """The CUSIP that the venue means."""
        return self.ours.get(name, name)


PLAIN = Content()


def read(raw: Any) -> Content:
    """A format from its JSON. Raises `ValueError` with what is wrong."""
    try:
        content = msgspec.convert(raw, Content)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from error
    if fault := _fault(content):
        raise ValueError(fault)
    return content


def of(venue_id: str) -> Content:
    """The format in force at a venue. Raises `ValueError` for one that cannot be read."""
    found = _formats.get().get(venue_id, PLAIN)
    if isinstance(found, str):
        raise ValueError(f"the format of {venue_id} cannot be read: {found}")
    return found


def names(venue_id: str) -> Names:
    """What a venue calls securities."""
    return _names.get().get(venue_id, Names())


def extends(venue_id: str) -> bool:
    """Whether a venue has any extension at all, now or by what an older format let pass."""
    found = _formats.get().get(venue_id, PLAIN)
    return isinstance(found, str) or bool(found.extensions or found.algorithms)


def check(
    venue_id: str, given: Mapping[str, str], *, field: str, algorithm: str = ""
) -> list[Detail]:
    """What is wrong with extension parameters for a venue: unknown ones, wrong values, missing."""
    content = of(venue_id)
    known = content.extensions
    if algorithm:
        chosen = content.algorithms.get(algorithm)
        if chosen is None:
            text = f"{venue_id} has no algorithm {algorithm!r}."
            return [Detail(f"{field}.{ALGORITHM}", "algorithm_unknown", text)]
        known = chosen.parameters
    faults = []
    for name, value in given.items():
        if name not in known:
            text = f"{venue_id} knows no parameter {name!r}."
            faults.append(Detail(f"{field}.{name}", "extension_unknown", text))
        elif not fits(known[name], value):
            text = f"{value!r} is no {known[name].kind} that {venue_id} takes here."
            faults.append(Detail(f"{field}.{name}", "extension_invalid", text))
    for name, one in known.items():
        if one.required and name not in given:
            faults.append(Detail(f"{field}.{name}", "required", f"{venue_id} needs it."))
    return faults


def fits(one: Parameter, value: str) -> bool:
    """Whether a value is of its parameter's kind, and can be a field's value at all."""
    if not 0 < len(value) <= LONGEST or not value.isprintable():
        return False
    match one.kind:
        case "choice":
            return value in one.choices
        case "boolean":
            return value in ("Y", "N")
        case "integer":
            return value.removeprefix("-").isascii() and value.removeprefix("-").isdigit()
        case "decimal":
            return _is_decimal(value)
        case "time":
            return _is_time(value)
        case _:
            return True


def _is_decimal(value: str) -> bool:
    try:
        return Decimal(value).is_finite() and "e" not in value.lower()
    except InvalidOperation:
        return False


def _is_time(value: str) -> bool:
    hour, colon, minute = value[:2], value[2:3], value[3:5]
    digits = (hour + minute).isascii() and (hour + minute).isdigit()
    return len(value) == 5 and colon == ":" and digits and hour < "24" and minute < "60"


def _fault(content: Content) -> str:
    tags = [tag for part in content.constants.values() for tag in part]
    tags += [tag for part in content.rename.values() for pair in part.items() for tag in pair]
    tags += [tag for part in content.drop.values() for tag in part]
    tags += [*content.values, *(str(one.tag) for one in content.extensions.values())]
    for tag in tags:
        if not (tag.isascii() and tag.isdigit() and int(tag)) or tag != str(int(tag)):
            return f"{tag!r} is no tag"
        if tag in SACRED:
            return f"tag {tag} is not a format's to change"
    if len({one.tag for one in content.extensions.values()}) < len(content.extensions):
        return "two parameters have the same tag"
    for tag, words in content.values.items():
        if len(set(words.values())) < len(words):
            return f"two values of tag {tag} would be told alike"
    texts = [text for part in content.constants.values() for text in part.values()]
    texts += [text for words in content.values.values() for text in words.values()]
    bad = [text for text in (*texts, content.symbol) if not text or not text.isprintable()]
    return f"{bad[0]!r} is no value of a field" if bad else ""


def _load() -> dict[str, Content | str]:
    """What cannot be read stops its own venue only."""
    found: dict[str, Content | str] = {}
    for key, raw in Venue.objects.values_list("id", "template"):
        try:
            found[key] = read(raw)
        except ValueError as error:
            found[key] = str(error)
    return found


def _load_names() -> dict[str, Names]:
    symbols: dict[str, dict[str, str]] = {}
    rows = VenueSymbol.objects.values_list("venue_id", "instrument__cusip", "symbol")
    for venue_id, cusip, symbol in rows:
        symbols.setdefault(venue_id, {})[cusip] = symbol
    isins: dict[str, str] = {}
    found: dict[str, Names] = {}
    for venue_id, content in _formats.get().items():
        if isinstance(content, str):
            continue
        theirs = dict(symbols.get(venue_id, {}))
        if content.security_id_source == "4":
            isins = isins or dict(Instrument.objects.values_list("cusip", "isin"))
            theirs = {**isins, **theirs}
        if theirs:
            ours = {name: cusip for cusip, name in theirs.items()}
            found[venue_id] = Names(content.security_id_source, theirs, ours)
        else:
            found[venue_id] = Names(content.security_id_source)
    return found


_formats = Cached(_load)
_names = Cached(_load_names)
