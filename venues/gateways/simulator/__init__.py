"""Our side of the simulated venue. The venue itself is `venues.simulator`, a party of its own."""
