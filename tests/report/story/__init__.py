"""Stories told of small invented incidents, sentence by sentence."""
