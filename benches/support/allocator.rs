//! The allocator of the program, for benches that do its work within their own process.

use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;
