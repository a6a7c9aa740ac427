"""Loss against data from scratch, one curve a size."""

from transferlaws.laws.curves.curve import Curve, Curves, MeasuredCurve, fit_curves

__all__ = ["Curve", "Curves", "MeasuredCurve", "fit_curves"]
