"""The entrance for client systems: the guide's paths and shapes over HTTP."""
