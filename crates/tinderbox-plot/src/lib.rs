//! Figures as SVG: curves, scatter, contour, heat map, histogram, image grid.
