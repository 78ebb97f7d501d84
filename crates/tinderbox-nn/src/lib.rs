//! Layers and initialisers that Burn lacks.
