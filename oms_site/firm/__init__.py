"""Who: organizations, users and their roles, API keys, policies, and the sandbox's clock."""
