"""The ModelViewSet, its serializer and its route."""

from __future__ import annotations

from typing import Any

from django.urls import include, path
from django.utils import timezone
from rest_framework import routers, serializers, viewsets

from benchmarks.drf_viewset.models import TERMS, Order


class OrderSerializer(serializers.ModelSerializer[Order]):
    """Every column out, the terms in."""

    class Meta:
        model = Order
        fields = "__all__"
        read_only_fields = [f.name for f in Order._meta.fields if f.name not in TERMS]


class OrderViewSet(viewsets.ModelViewSet[Order]):
    """List, create, read, change and delete orders."""

    queryset = Order.objects.all()
    serializer_class = OrderSerializer

    def perform_create(self, serializer: Any) -> None:
        now = timezone.now()
        serializer.save(
            organization_id="alpha",
            submitted_by_id=self.request.user.pk,
            leaves_qty=serializer.validated_data["order_qty"],
            trade_date=now.date(),
            eligible_at=now,
            expires_at=now,
            created_at=now,
        )


router = routers.DefaultRouter()
router.register("orders", OrderViewSet)
urlpatterns = [path("", include(router.urls))]
