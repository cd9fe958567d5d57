"""The only code that talks to Azure. Works without Airflow."""
