"""The step as a task of Celery."""
