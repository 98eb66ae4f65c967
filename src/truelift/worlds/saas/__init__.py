"""A company that sells rotas to care homes, whose trials stop where a payroll is connected."""
