//! Rows of a table by number, and their gradient.

use crate::memory;
use crate::parallel::for_each_chunk;

/// The rows of `table`, of `columns` numbers each, with these numbers.
///
/// # Panics
/// If there is no such row.
pub fn embedding(table: &[f32], columns: usize, ids: &[u32]) -> Vec<f32> {
    let mut output = memory::buffer(ids.len() * columns);
    let cost = output.len();
    for_each_chunk(&mut output, columns, cost, |index, row| {
        row.copy_from_slice(&table[ids[index] as usize * columns..][..columns]);
    });
    output
}

/// The gradient of a table of `rows` rows: that of every output is added to the row it came from, in the
/// order of the outputs.
///
/// # Panics
/// As [`embedding`], or if `gradient` has another length than its output.
pub fn embedding_gradient(rows: usize, columns: usize, ids: &[u32], gradient: &[f32]) -> Vec<f32> {
    assert_eq!(gradient.len(), ids.len() * columns);
    assert!(ids.iter().all(|&id| (id as usize) < rows));
    // The outputs of each row, in order.
    let mut starts = vec![0; rows + 1];
    ids.iter().for_each(|&id| starts[id as usize + 1] += 1);
    for row in 0..rows {
        starts[row + 1] += starts[row];
    }
    let mut next = starts.clone();
    let mut order = vec![0; ids.len()];
    for (place, &id) in ids.iter().enumerate() {
        order[next[id as usize]] = place;
        next[id as usize] += 1;
    }
    let mut table = memory::buffer(rows * columns);
    let cost = gradient.len() + table.len();
    for_each_chunk(&mut table, columns, cost, |row, sums| {
        sums.fill(0.0);
        for place in &order[starts[row]..starts[row + 1]] {
            let gradient = &gradient[place * columns..][..columns];
            for (sum, number) in sums.iter_mut().zip(gradient) {
                *sum += number;
            }
        }
    });
    table
}
