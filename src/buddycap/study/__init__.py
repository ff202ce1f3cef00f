"""The experiment: configurations, runs under one policy after another, their results and statistics."""
