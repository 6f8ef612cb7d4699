"""Airflow: the operators by themselves, and on a real one."""
