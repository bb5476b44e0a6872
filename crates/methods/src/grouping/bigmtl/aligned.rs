//! Numbers that start where a cache line does: vector loads across two lines take twice as long.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

/// Bytes of a cache line.
const LINE: usize = 64;

/// Freed buffers that a thread keeps for the next ones. Large ones would go back to the system and come again page by
/// page, many times a step.
const SPARE: usize = 32;

thread_local! {
    static SPARES: RefCell<Vec<Vec<f64>>> = const { RefCell::new(Vec::new()) };
}

/// A slice of numbers.
#[derive(Debug)]
pub(super) struct Aligned {
    values: Vec<f64>,
    start: usize,
    length: usize,
}

impl Aligned {
    /// Holds whatever the last one of this length did.
    pub(super) fn unset(length: usize) -> Self {
        let whole = length + LINE / size_of::<f64>();
        let spare = SPARES.with_borrow_mut(|spares| {
            let place = spares.iter().rposition(|spare| spare.len() == whole)?;
            Some(spares.swap_remove(place))
        });
        let values = spare.unwrap_or_else(|| vec![0.0; whole]);
        // Where alignment cannot be told, any start will do.
        let start = values.as_ptr().align_offset(LINE).min(whole - length);
        Self { values, start, length }
    }
}

impl Deref for Aligned {
    type Target = [f64];

    #[inline]
    fn deref(&self) -> &[f64] {
        &self.values[self.start..self.start + self.length]
    }
}

impl DerefMut for Aligned {
    #[inline]
    fn deref_mut(&mut self) -> &mut [f64] {
        &mut self.values[self.start..self.start + self.length]
    }
}

impl Clone for Aligned {
    fn clone(&self) -> Self {
        let mut clone = Self::unset(self.length);
        clone.copy_from_slice(self);
        clone
    }
}

impl Drop for Aligned {
    fn drop(&mut self) {
        // A thread that is ending keeps nothing.
        let _ = SPARES.try_with(|spares| {
            let mut spares = spares.borrow_mut();
            if spares.len() == SPARE {
                spares.remove(0);
            }
            spares.push(std::mem::take(&mut self.values));
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_start_with_a_line_and_come_again() {
        for length in [0, 1, 7, 8, 1000] {
            let mut buffer = Aligned::unset(length);
            buffer.fill(3.0);
            assert_eq!(buffer.len(), length);
            assert_eq!(buffer.as_ptr().align_offset(LINE), 0);
            let clone = buffer.clone();
            drop(buffer);
            assert!(clone.iter().chain(Aligned::unset(length).iter()).all(|v| *v == 3.0));
        }
    }
}
