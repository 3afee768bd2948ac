"""The mathematics of the lectures, each module a model or an identity of its own."""
