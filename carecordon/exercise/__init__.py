"""Made-up hospitals whose devices live, work and are attacked, with the truth written beside the events."""
