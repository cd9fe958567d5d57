"""What goes wrong on the wire: one-shot faults that are asked for, and faults drawn from a seed."""

from airflow_provider_fabml.emulator.faults.fault import Fault
from airflow_provider_fabml.emulator.faults.kinds import KINDS, MIX, fault_of
from airflow_provider_fabml.emulator.faults.program import Program, Replay
from airflow_provider_fabml.emulator.faults.queue import Faults

__all__ = ["KINDS", "MIX", "Fault", "Faults", "Program", "Replay", "fault_of"]
