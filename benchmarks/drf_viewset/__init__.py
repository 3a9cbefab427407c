"""The baseline that most Django shops would write: one model, one ModelViewSet, token login."""
