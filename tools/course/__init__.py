"""The course: exercises, figures, the page of the theory, and the variational autoencoder."""
