"""Score lakehouse data with Azure ML batch endpoints from Apache Airflow."""

__version__ = "0.1.0"
