//! Page frames in a Rust simulator, without crates.
//!
//! Replaces: a `Vec` or `BTreeSet` of free frame numbers.  Gains: the same zone as everywhere else, bit for bit.
//!
//!     lib=$(dirname $(buddycap embed --library))
//!     rustc -O main.rs -L native=$lib -l buddycap -C link-arg=-Wl,-rpath,$lib && ./main IMAGE

use std::ffi::{c_char, c_int, c_void, CStr};

#[repr(C)]
struct Zone {
    _opaque: [u8; 0],
}

/// BC_MOVABLE: of Linux 2.6.27, the kernel that bc_image_load takes images of.
const MOVABLE: c_int = 2;

extern "C" {
    fn bc_image_zone_bytes(image: *const c_void, bytes: u64) -> i64;
    fn bc_image_load(image: *const c_void, image_bytes: u64, memory: *mut c_void, bytes: u64) -> c_int;
    fn bc_alloc(zone: *mut Zone, order: c_int, migratetype: c_int, result: *mut c_void) -> i64;
    fn bc_free(zone: *mut Zone, pfn: i64, order: c_int, result: *mut c_void) -> c_int;
    fn bc_digest(zone: *const Zone, digest: *mut u64) -> c_int;
    fn bc_status_text(status: c_int) -> *const c_char;
}

/// Memory of a used machine; frees itself.
struct Memory {
    words: Vec<u64>,
}

fn text(status: i64) -> String {
    unsafe { CStr::from_ptr(bc_status_text(status as c_int)) }.to_string_lossy().into_owned()
}

impl Memory {
    fn load(image: &[u8]) -> Result<Memory, String> {
        let from = image.as_ptr() as *const c_void;
        let bytes = unsafe { bc_image_zone_bytes(from, image.len() as u64) };
        if bytes < 0 {
            return Err(text(bytes));
        }
        let mut words = vec![0u64; (bytes as usize + 7) / 8];
        let into = words.as_mut_ptr() as *mut c_void;
        match unsafe { bc_image_load(from, image.len() as u64, into, bytes as u64) } {
            0 => Ok(Memory { words }),
            status => Err(text(status as i64)),
        }
    }

    fn zone(&mut self) -> *mut Zone {
        self.words.as_mut_ptr() as *mut Zone
    }

    fn alloc(&mut self, order: i32) -> Option<i64> {
        let pfn = unsafe { bc_alloc(self.zone(), order, MOVABLE, std::ptr::null_mut()) };
        (pfn >= 0).then_some(pfn)
    }

    fn free(&mut self, pfn: i64, order: i32) -> Result<(), String> {
        match unsafe { bc_free(self.zone(), pfn, order, std::ptr::null_mut()) } {
            0 => Ok(()),
            status => Err(text(status as i64)),
        }
    }

    fn digest(&mut self) -> String {
        let mut words = [0u64; 2];
        unsafe { bc_digest(self.zone(), words.as_mut_ptr()) };
        format!("{:016x}{:016x}", words[0], words[1])
    }
}

fn main() -> Result<(), String> {
    let file = std::env::args().nth(1).ok_or("usage: main IMAGE")?;
    let image = std::fs::read(&file).map_err(|error| format!("{file}: {error}"))?;
    let mut memory = Memory::load(&image)?;
    let frames: Vec<i64> = (0..1000).filter_map(|_| memory.alloc(0)).collect();
    for pfn in frames.iter().step_by(2) {
        memory.free(*pfn, 0)?;
    }
    assert!(memory.free(frames[0], 0).is_err());
    println!("{} frames from {}, digest {}", frames.len(), frames[0], memory.digest());
    Ok(())
}
