"""Exercises for the lectures: functions to fill in, checks with hints, and reference answers."""
