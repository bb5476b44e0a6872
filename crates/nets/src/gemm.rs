//! Products of the small matrices that networks of a few dozen units a layer are made of.
//!
//! Libraries pack both operands into panels first, which does not pay for matrices that lie in the fastest cache
//! anyway. Here a tile of the result is kept in registers, by plain loops of fixed size that compile to fused
//! multiply-adds of the widest vectors at hand ([`pulp::Arch`] asks the processor once). Every entry of a product is
//! one chain of fused multiply-adds in the order of the inner index, so its bits depend neither on the tiling nor on
//! the processor.

use std::array;
use std::hint::black_box;

use pulp::{Arch, Simd, WithSimd};

use crate::real::Real;

/// What a product is added to.
#[derive(Debug, Clone, Copy)]
pub enum Start<'a, R> {
    /// Nothing: the result is overwritten.
    Zero,
    /// A row that is the same for all rows of the result.
    Row(&'a [R]),
    /// What the result holds.
    Add,
}

/// Row-major matrix of which only some columns may be meant: `stride` numbers lie between the starts of two rows.
#[derive(Debug, Clone, Copy)]
pub struct Block<'a, R> {
    /// The numbers, from the first that is meant.
    pub data: &'a [R],
    /// Distance between the starts of two rows.
    pub stride: usize,
}

/// Where a product goes; as [`Block`].
#[derive(Debug)]
pub struct Out<'a, R> {
    /// The numbers, from the first that is meant.
    pub data: &'a mut [R],
    /// Distance between the starts of two rows.
    pub stride: usize,
}

/// `C = start + A B`: `A` is `m x k`, `B` is `k x n`.
#[inline]
pub fn product<R: Real>(size: [usize; 3], a: Block<R>, b: Block<R>, start: Start<R>, c: Out<R>) {
    Arch::new().dispatch(Product::<R, false> { size, a, b, start, c });
}

/// `C = start + A' B`: `A` is `k x m`, `B` is `k x n`.
#[inline]
pub fn transposed_product<R: Real>(size: [usize; 3], a: Block<R>, b: Block<R>, start: Start<R>, c: Out<R>) {
    Arch::new().dispatch(Product::<R, true> { size, a, b, start, c });
}

/// `size` is `[m, n, k]`.
struct Product<'a, R, const TRANSPOSED: bool> {
    size: [usize; 3],
    a: Block<'a, R>,
    b: Block<'a, R>,
    start: Start<'a, R>,
    c: Out<'a, R>,
}

impl<R: Real, const TRANSPOSED: bool> WithSimd for Product<'_, R, TRANSPOSED> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, _: S) {
        let n = self.size[1];
        let mut j = 0;
        while j + 16 <= n {
            self.columns::<6, 16, false>(j, 16);
            j += 16;
        }
        match n - j {
            0 => {}
            1 => self.columns::<8, 1, false>(j, 1),
            4 => self.columns::<8, 4, false>(j, 4),
            8 => self.columns::<8, 8, false>(j, 8),
            rest @ 2..=3 => self.columns::<8, 4, true>(j, rest),
            rest @ 5..=7 => self.columns::<8, 8, true>(j, rest),
            rest => self.columns::<6, 16, true>(j, rest),
        }
    }
}

impl<R: Real, const TRANSPOSED: bool> Product<'_, R, TRANSPOSED> {
    /// `width <= N` columns of the result, from column `j` on; mostly in tiles of `M` rows.
    #[inline(always)]
    fn columns<const M: usize, const N: usize, const PARTIAL: bool>(&mut self, j: usize, width: usize) {
        let m = self.size[0];
        let mut i = 0;
        while i + M <= m {
            self.tile::<M, N, PARTIAL>(i, j, width);
            i += M;
        }
        if i + 4 <= m {
            self.tile::<4, N, PARTIAL>(i, j, width);
            i += 4;
        }
        if i + 2 <= m {
            self.tile::<2, N, PARTIAL>(i, j, width);
            i += 2;
        }
        if i < m {
            self.tile::<1, N, PARTIAL>(i, j, width);
        }
    }

    /// `M` rows of them, from row `i` on.
    ///
    /// A tile is always computed as wide as its vectors. What is too much comes from the rows after, and is not kept.
    #[inline(always)]
    fn tile<const M: usize, const N: usize, const PARTIAL: bool>(&mut self, i: usize, j: usize, width: usize) {
        let k = self.size[2];
        let mut sums: [[R; N]; M] = match self.start {
            Start::Zero => [[R::ZERO; N]; M],
            Start::Row(row) if PARTIAL => [first(&row[j..], width); M],
            Start::Row(row) => [*part(row, j); M],
            Start::Add if PARTIAL => {
                array::from_fn(|r| black_box(first(&self.c.data[(i + r) * self.c.stride + j..], width)))
            }
            Start::Add => array::from_fn(|r| *part(self.c.data, (i + r) * self.c.stride + j)),
        };
        if k > 0 {
            let (a_stride, b_stride) = (self.a.stride, self.b.stride);
            let (rows, stride): ([&[R]; M], usize) = if TRANSPOSED {
                // Hidden from the compiler that a column's entries are neighbours: it would load them as one vector
                // and take that apart again for every multiply-add.
                (array::from_fn(|r| &black_box(self.a.data)[i + r..][..(k - 1) * a_stride + 1]), a_stride)
            } else {
                (array::from_fn(|r| &self.a.data[(i + r) * a_stride..][..k]), 1)
            };
            // Rows from which as much as a tile is wide can be read.
            let whole = match self.b.data.len().checked_sub(j + N) {
                _ if !PARTIAL => k,
                Some(room) => k.min(room / b_stride + 1),
                None => 0,
            };
            for l in 0..whole {
                multiply_add(&mut sums, &rows, l * stride, part(self.b.data, l * b_stride + j));
            }
            for l in whole..k {
                multiply_add(&mut sums, &rows, l * stride, &first(&self.b.data[l * b_stride + j..], width));
            }
        }
        if PARTIAL {
            // A copy: what is read in part would otherwise be kept in memory from the start.
            for (r, row) in black_box(sums).iter().enumerate() {
                self.c.data[(i + r) * self.c.stride + j..][..width].copy_from_slice(&row[..width]);
            }
        } else {
            for (r, row) in sums.iter().enumerate() {
                self.c.data[(i + r) * self.c.stride + j..][..N].copy_from_slice(row);
            }
        }
    }
}

/// Adds the outer product of the rows' entries at a position and `b`.
#[inline(always)]
fn multiply_add<R: Real, const M: usize, const N: usize>(
    sums: &mut [[R; N]; M],
    rows: &[&[R]; M],
    at: usize,
    b: &[R; N],
) {
    for (sums, row) in sums.iter_mut().zip(rows) {
        let factor = row[at];
        for (sum, &b) in sums.iter_mut().zip(b) {
            *sum = factor.mul_add(b, *sum);
        }
    }
}

/// `N` numbers from `start` on.
#[inline(always)]
fn part<R, const N: usize>(data: &[R], start: usize) -> &[R; N] {
    match data[start..].first_chunk() {
        Some(chunk) => chunk,
        None => panic!("a matrix is shorter than its size says"),
    }
}

/// The first `width` numbers, and zeros.
#[inline(always)]
fn first<R: Real, const N: usize>(data: &[R], width: usize) -> [R; N] {
    let mut out = [R::ZERO; N];
    out[..width].copy_from_slice(&data[..width]);
    out
}

/// `B = A'`: `A` is `m x n`, `B` comes out without gaps.
pub fn transpose<R: Real>([m, n]: [usize; 2], a: &[R], b: &mut [R]) {
    // Eight rows at a time: their starts stay in the fastest cache while a run of columns is written.
    for i in (0..m).step_by(8) {
        let rows = (m - i).min(8);
        for j in 0..n {
            for (r, out) in b[j * m + i..][..rows].iter_mut().enumerate() {
                *out = a[(i + r) * n + j];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers without a pattern, the same on every run.
    fn numbers(n: usize, salt: u64) -> Vec<f64> {
        (0..n as u64).map(|i| ((i * 7919 + salt * 104_729) % 1009) as f64 / 504.5 - 1.0).collect()
    }

    #[test]
    fn products_are_those_of_the_textbook_for_all_tile_sizes() {
        for m in [1, 2, 3, 5, 6, 7, 11, 13] {
            for n in [1, 2, 3, 4, 5, 8, 9, 15, 16, 29, 37] {
                for k in [0, 1, 3, 17] {
                    let (a, b, bias) = (numbers(m * k, 1), numbers(k * n, 2), numbers(n, 3));
                    let mut turned = vec![0.0; m * k];
                    transpose([m, k], &a, &mut turned);
                    let mut plain = vec![9.0; m * n];
                    let blocks = (Block { data: &a, stride: k }, Block { data: &b, stride: n });
                    product([m, n, k], blocks.0, blocks.1, Start::Row(&bias), Out { data: &mut plain, stride: n });
                    let mut other: Vec<f64> = bias.iter().copied().cycle().take(m * n).collect();
                    let block = Block { data: &turned, stride: m };
                    let out = Out { data: &mut other, stride: n };
                    transposed_product([m, n, k], block, blocks.1, Start::Add, out);
                    for i in 0..m {
                        for j in 0..n {
                            let sum: f64 = bias[j] + (0..k).map(|l| a[i * k + l] * b[l * n + j]).sum::<f64>();
                            assert!((plain[i * n + j] - sum).abs() < 1e-12);
                            assert_eq!(plain[i * n + j], other[i * n + j]);
                        }
                    }
                }
            }
        }
    }
}
