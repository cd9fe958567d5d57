"""Pure: values in, values out. No airflow, azure, asyncio, files, sockets, clock or random."""
