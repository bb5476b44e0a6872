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
            self.columns::<16>(j);
            j += 16;
        }
        if j + 8 <= n {
            self.columns::<8>(j);
            j += 8;
        }
        if j + 4 <= n {
            self.columns::<4>(j);
            j += 4;
        }
        while j < n {
            self.columns::<1>(j);
            j += 1;
        }
    }
}

impl<R: Real, const TRANSPOSED: bool> Product<'_, R, TRANSPOSED> {
    #[inline(always)]
    fn columns<const N: usize>(&mut self, j: usize) {
        let m = self.size[0];
        let mut i = 0;
        while i + 6 <= m {
            self.tile::<6, N>(i, j);
            i += 6;
        }
        if i + 4 <= m {
            self.tile::<4, N>(i, j);
            i += 4;
        }
        if i + 2 <= m {
            self.tile::<2, N>(i, j);
            i += 2;
        }
        if i < m {
            self.tile::<1, N>(i, j);
        }
    }

    /// `M` rows and `N` columns of the result, from row `i` and column `j` on.
    #[inline(always)]
    fn tile<const M: usize, const N: usize>(&mut self, i: usize, j: usize) {
        let k = self.size[2];
        let mut sums: [[R; N]; M] = match self.start {
            Start::Zero => [[R::ZERO; N]; M],
            Start::Row(row) => [*part(row, j); M],
            Start::Add => array::from_fn(|r| *part(self.c.data, (i + r) * self.c.stride + j)),
        };
        if k == 0 {
            // Nothing to add, and no rows to take slices of.
        } else if TRANSPOSED {
            // Hidden from the compiler that these are neighbours: it would load them as one vector and take that
            // apart again for every multiply-add.
            let stride = self.a.stride;
            let a: [&[R]; M] = array::from_fn(|r| &black_box(self.a.data)[i + r..][..(k - 1) * stride + 1]);
            for l in 0..k {
                let b: &[R; N] = part(self.b.data, l * self.b.stride + j);
                for r in 0..M {
                    let factor = a[r][l * stride];
                    for s in 0..N {
                        sums[r][s] = factor.mul_add(b[s], sums[r][s]);
                    }
                }
            }
        } else {
            let a: [&[R]; M] = array::from_fn(|r| &self.a.data[(i + r) * self.a.stride..][..k]);
            for l in 0..k {
                let b: &[R; N] = part(self.b.data, l * self.b.stride + j);
                for r in 0..M {
                    let factor = a[r][l];
                    for s in 0..N {
                        sums[r][s] = factor.mul_add(b[s], sums[r][s]);
                    }
                }
            }
        }
        for (r, row) in sums.iter().enumerate() {
            self.c.data[(i + r) * self.c.stride + j..][..N].copy_from_slice(row);
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
            for n in [1, 2, 4, 5, 8, 15, 16, 29, 37] {
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
