"""The first-incident checklist, executed: from a symptom to the cause and the smallest lever, with evidence."""

from recsys.operations.doctor.away import diagnose_here
from recsys.operations.doctor.checklist import diagnose
from recsys.operations.doctor.finding import SYMPTOMS, Diagnosis, Finding, Symptom
from recsys.operations.doctor.proof import Proof, look_again, prove, prove_pin

__all__ = [
    "SYMPTOMS",
    "Diagnosis",
    "Finding",
    "Proof",
    "Symptom",
    "diagnose",
    "diagnose_here",
    "look_again",
    "prove",
    "prove_pin",
]
