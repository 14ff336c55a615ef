"""The tests: a mirror of carecordon/, plus the laws of the house and the plain evaluator."""
