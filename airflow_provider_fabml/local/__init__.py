"""The processes of a local stack: Azurite, the emulator and Airflow.

The demo and the system tests share them. Everything listens on 127.0.0.1, on free ports, with
accounts and keys made anew for each start.
"""
