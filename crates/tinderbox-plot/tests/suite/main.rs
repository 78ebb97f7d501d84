//! Figures as users make them: what they show, what is refused, and that every kind can be drawn.

mod content;
mod errors;
mod figures;
mod xml;
