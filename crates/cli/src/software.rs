//! What this program was built from.

use sha2::{Digest, Sha256};

/// Version, commit, compiler and the hash of `Cargo.lock`, in one line.
pub fn describe() -> String {
    let lock = Sha256::digest(include_bytes!("../../../Cargo.lock"));
    let lock: String = lock.iter().map(|byte| format!("{byte:02x}")).collect();
    format!(
        "mtl {}, commit {}, {}, Cargo.lock sha256 {lock}",
        env!("CARGO_PKG_VERSION"),
        env!("MTL_COMMIT"),
        env!("MTL_COMPILER")
    )
}
