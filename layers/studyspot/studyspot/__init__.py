"""StudySpot: one multi-tenant backend for study libraries, home services and AI-chat workspaces."""
