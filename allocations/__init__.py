"""The client side: accounts, custodians, allocations, bookings, holdings."""
