"""What is settled around an experiment: decision table, builders, approvals, risks, signatures."""
