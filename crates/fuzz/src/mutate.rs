//! Changes that turn a good file into a bad one.

use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

/// Longer files show nothing that shorter ones do not.
const LONGEST: usize = 1 << 16;

/// Where sizes and counts go wrong.
const BOUNDARIES: &[u64] = &[
    0,
    1,
    2,
    3,
    4,
    7,
    8,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0x8000,
    0xffff,
    0x1000_0000,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_fff8,
    0xffff_ffff,
    0x1_0000_0000,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    0xffff_ffff_ffff_ffff,
];

/// Numbers in text that are none, or strange ones.
const NUMBERS: &[&str] = &[
    "0",
    "-0",
    "1e999",
    "-1e999",
    "1e-999",
    "NaN",
    "inf",
    "-inf",
    "?",
    "",
    "+1",
    ".5",
    "5.",
    "1e",
    "0x10",
    "1_000",
    "1,5",
    "١",
    "18446744073709551615",
    "18446744073709551616",
    "9223372036854775808",
    "-9223372036854775809",
    "4294967296",
    "0.1000000000000000055511151231257827021181583404541015625",
    "null",
    "true",
];

/// One file made from another by a few changes, with parts of a third.
pub(crate) fn changed(file: &[u8], other: &[u8], words: &[&str], rng: &mut ChaCha8Rng) -> Vec<u8> {
    let mut bytes = file.to_vec();
    for _ in 0..1 << rng.random_range(0..4) {
        change(&mut bytes, other, words, rng);
        bytes.truncate(LONGEST);
    }
    bytes
}

fn change(bytes: &mut Vec<u8>, other: &[u8], words: &[&str], rng: &mut ChaCha8Rng) {
    let at = rng.random_range(0..=bytes.len());
    let (from, to) = stretch(bytes.len(), rng);
    match rng.random_range(0..13) {
        0 if at < bytes.len() => bytes[at] ^= 1 << rng.random_range(0..8),
        1 if at < bytes.len() => bytes[at] = *b"\0\x01\x7f\x80\xff\n\r\t ,;\"'%{}[]:-#&*@?".choose(rng).unwrap_or(&0),
        2 | 3 => overwrite(bytes, at, &boundary(rng)),
        4 => drop(bytes.drain(from..to)),
        5 => {
            let copy = bytes[from..to].to_vec();
            insert(bytes, at, &copy);
        }
        6 => insert(bytes, at, words.choose(rng).unwrap_or(&"").as_bytes()),
        7 => {
            let (from, to) = stretch(other.len(), rng);
            insert(bytes, at, &other[from..to]);
        }
        8 => bytes.truncate(at),
        9 | 10 => {
            if let Some((from, to)) = number(bytes, at) {
                bytes.splice(from..to, NUMBERS.choose(rng).unwrap_or(&"").bytes());
            }
        }
        11 => {
            // Many of the same: long lines, deep nesting, many columns.
            let word = if rng.random() { words.choose(rng).unwrap_or(&"").as_bytes() } else { &bytes[from..to] };
            let times = (1 << rng.random_range(1..14)).min(LONGEST / word.len().max(1));
            let copies = word.repeat(times);
            insert(bytes, at, &copies);
        }
        _ => {
            let small = rng.random_range(0..8).min(bytes.len() - at);
            bytes.drain(at..at + small);
        }
    }
}

/// A stretch of so many bytes, mostly a short one.
fn stretch(length: usize, rng: &mut ChaCha8Rng) -> (usize, usize) {
    let from = rng.random_range(0..=length);
    let most = if rng.random_range(0..4) == 0 { length - from } else { (length - from).min(32) };
    (from, from + rng.random_range(0..=most))
}

fn insert(bytes: &mut Vec<u8>, at: usize, what: &[u8]) {
    bytes.splice(at..at, what.iter().copied());
}

fn overwrite(bytes: &mut [u8], at: usize, what: &[u8]) {
    let room = bytes.len().saturating_sub(at).min(what.len());
    bytes[at..at + room].copy_from_slice(&what[..room]);
}

/// A number of one to eight bytes, in either order.
fn boundary(rng: &mut ChaCha8Rng) -> Vec<u8> {
    let width = 1 << rng.random_range(0..4);
    let number = BOUNDARIES.choose(rng).copied().unwrap_or(0);
    let mut bytes = number.to_le_bytes()[..width].to_vec();
    if rng.random() {
        bytes.reverse();
    }
    bytes
}

/// The digits around or behind a place.
fn number(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let digit = |b: &u8| b.is_ascii_digit();
    let found = at + bytes[at..].iter().position(digit)?;
    let from = found - bytes[..found].iter().rev().take_while(|b| digit(b)).count();
    Some((from, found + bytes[found..].iter().take_while(|b| digit(b)).count()))
}
