//! Reading a bundle, and what no reader can do without: reading the file and taking CRC32C of it.
//!
//! The peer takes the CRC of one whole buffer after another, or of a frame at a time as the format asks for; the reader
//! also finds the frames and gives them back.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a bench stops at the first surprise"
)]

use std::fs::File;
use std::hint::black_box;
use std::io::{BufWriter, Read as _, Seek as _, Write as _};

use criterion::{Criterion, criterion_group, criterion_main};
use wcmp_benches::{criterion, side_by_side};
use wcmp_relay::bundle::{Event, Io, Reader, Stamp, Writer};

/// Bytes of the file: it stays in the system's cache, not in the processor's.
const FILE: usize = 16 << 20;
/// As the reader has it.
const BUFFER: usize = 256 << 10;

fn plain(mut file: &File, piece: usize, buffer: &mut [u8]) -> u32 {
    file.rewind().unwrap();
    let mut crc = 0;
    loop {
        let n = file.read(buffer).unwrap();
        if n == 0 {
            return crc;
        }
        for piece in buffer[..n].chunks(piece) {
            crc ^= crc32c::crc32c(piece);
        }
    }
}

fn bundle(c: &mut Criterion) {
    for size in [300, 1024, 64 << 10] {
        let file = tempfile::tempfile().unwrap();
        let mut writer = Writer::new(Io(BufWriter::new(&file)), [7; 4]).unwrap();
        for i in 0..FILE / size {
            writer
                .frame(Stamp::NONE, &vec![i.to_be_bytes()[7]; size])
                .unwrap();
        }
        writer.finish().unwrap().0.flush().unwrap();
        let (mut whole, mut pieces) = (vec![0; BUFFER], vec![0; BUFFER]);

        let medians = side_by_side(
            c,
            &format!("read 16 MiB in frames of {size} B"),
            &mut [
                ("bundle reader", &mut || {
                    let mut reader = Reader::open(Io(&file), 1 << 20).unwrap();
                    let mut frames = 0;
                    while let Some(event) = reader.next().unwrap() {
                        frames += usize::from(matches!(black_box(event), Event::Frame { .. }));
                    }
                    assert_eq!(frames, FILE / size);
                }),
                ("read, CRC32C of buffers", &mut || {
                    black_box(plain(&file, BUFFER, &mut whole));
                }),
                ("read, CRC32C of frames", &mut || {
                    black_box(plain(&file, size + 14, &mut pieces));
                }),
            ],
        );
        let share = |peer: usize| 100.0 * medians[peer] / medians[0];
        println!(
            "  {:.0} % of the speed with whole buffers, {:.0} % of that with frames\n",
            share(1),
            share(2)
        );
        if size == 1024 {
            let kept = if share(1) >= 70.0 { "kept" } else { "MISSED" };
            println!(
                "share of plain reading and CRC32C at 1 KiB: {:.0} %, at least 70 %: {kept}\n",
                share(1)
            );
        }
    }
}

criterion_group! { name = benches; config = criterion(); targets = bundle }
criterion_main!(benches);
