//! Several devices.

use rstest::rstest;

use super::*;

#[rstest]
fn ranks_have_the_losses_of_one_and_a_ring_ends_with_all_sums(
    #[values("flex", "ndarray")] device: &str,
) -> Result<()> {
    let mut page = Page::in_memory();
    multiple_devices::lesson(&mut page, &cpu(device), Seed::new(0))?;
    assert_results(
        &page,
        &[
            ("before, device 1", "[[2.0, 2.0]]"),
            ("after, device 0", "[[3.0, 3.0]]"),
            ("after, device 1", "[[3.0, 3.0]]"),
            ("256 examples / speed-up", "1.11"),
        ],
    )?;
    for epoch in ["epoch 1", "epoch 2", "epoch 3"] {
        let loss = |ranks: usize| page.number(&format!("{ranks} ranks / {epoch}"));
        for ranks in 2..=3 {
            assert!(
                (loss(ranks)? - loss(1)?).abs() < 2e-6,
                "{ranks} ranks, {epoch}"
            );
        }
    }
    for device in 0..4 {
        let parts = page.result(&format!("step 6 / device {device}"))?;
        assert_eq!(parts, "[10, 100, 1000, 10000]");
    }
    assert_figures(&page, &["servers"]);
    Ok(())
}
