"""The first-incident checklist, executed: from a symptom to the cause and the smallest lever, with evidence."""

from recsys.operations.doctor.checklist import SYMPTOMS, Diagnosis, diagnose
from recsys.operations.doctor.finding import Finding, Symptom

__all__ = ["SYMPTOMS", "Diagnosis", "Finding", "Symptom", "diagnose"]
