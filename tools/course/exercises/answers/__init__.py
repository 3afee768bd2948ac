"""The reference answers, one file for each exercise. The files that learners fill in are made of these."""
