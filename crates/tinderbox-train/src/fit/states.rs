//! What a task carries from batch to batch, on several ranks or devices: each has the state of its own rows.

use std::borrow::Cow;

/// No state begins like this: it begins with the length of its header.
const SEVERAL: &[u8; 16] = b"states of ranks:";

/// The states of all ranks as one; of equal ones, as of tasks without a state, a single one.
pub(super) fn of_ranks(mut all: Vec<Vec<u8>>) -> Vec<u8> {
    if all.iter().all(|state| *state == all[0]) {
        return all.swap_remove(0);
    }
    let mut bytes = SEVERAL.to_vec();
    for state in &all {
        bytes.extend((state.len() as u64).to_le_bytes());
        bytes.extend(state);
    }
    bytes
}

/// The state of a rank.
///
/// # Errors
/// States of another number of ranks; the reason in words.
pub(super) fn of_rank(bytes: &[u8], rank: usize, ranks: usize) -> Result<Cow<'_, [u8]>, String> {
    let Some(mut rest) = bytes.strip_prefix(SEVERAL) else {
        return Ok(bytes.into());
    };
    let mut all = Vec::new();
    while let Some((length, after)) = rest.split_first_chunk::<8>() {
        let length = u64::from_le_bytes(*length) as usize;
        let (state, after) = after
            .split_at_checked(length)
            .ok_or("the states of its task are cut off")?;
        all.push(state);
        rest = after;
    }
    match all.get(rank) {
        Some(state) if all.len() == ranks => Ok((*state).into()),
        _ => Err(format!(
            "it was written in the middle of an epoch by {} ranks or devices, whose task carries state from batch \
             to batch, and this run has {ranks}; use as many, or a checkpoint of the end of an epoch",
            all.len()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rank_gets_its_own_state_back() {
        let all = vec![vec![1, 2], vec![], vec![3]];
        let bytes = of_ranks(all.clone());
        for (rank, state) in all.iter().enumerate() {
            assert_eq!(*of_rank(&bytes, rank, 3).unwrap(), state[..]);
        }
        let error = of_rank(&bytes, 0, 2).unwrap_err();
        assert!(error.contains("by 3 ranks"), "{error}");
        assert!(of_rank(&bytes[..bytes.len() - 1], 0, 3).is_err());
        let equal = of_ranks(vec![vec![7]; 4]);
        assert_eq!(*of_rank(&equal, 5, 9).unwrap(), [7]);
    }
}
