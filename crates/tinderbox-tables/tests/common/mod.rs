/// Polars panics on some damaged files, on threads of its own; that is caught and becomes an error, so
/// only panics of our own code are printed.
pub fn quiet_polars() {
    std::panic::set_hook(Box::new(|panic| {
        let ours = |place: &std::panic::Location| place.file().contains("tinderbox");
        if panic.location().is_some_and(ours) {
            eprintln!("{panic}");
        }
    }));
}
