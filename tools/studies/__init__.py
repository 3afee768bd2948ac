"""Study material: the lectures' figures and the ablation studies."""
