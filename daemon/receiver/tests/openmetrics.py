"""Reads OpenMetrics from standard input with Prometheus' own parser and writes its samples as JSON: one object, name and labels to value."""

import json
import sys

from prometheus_client.openmetrics.parser import text_string_to_metric_families

samples = {}
for family in text_string_to_metric_families(sys.stdin.read()):
    for sample in family.samples:
        labels = ",".join(f"{key}={value}" for key, value in sorted(sample.labels.items()))
        samples[f"{family.type} {sample.name}" + (f" {labels}" if labels else "")] = sample.value
json.dump(samples, sys.stdout)
