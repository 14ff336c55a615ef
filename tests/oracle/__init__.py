"""The oracle: a slow, plain second reading of Sigma and of Windows events, against which the engine is compared."""
