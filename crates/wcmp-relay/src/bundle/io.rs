//! Bundles in anything that `std::io` reads and writes.

use std::io::{self, Read, Seek, SeekFrom, Write};

use super::{Sink, Source};

/// A [`Source`] made of what reads and seeks, such as a [`File`](std::fs::File); a [`Sink`] made of what writes.
///
/// Reads are long and need no further buffer. Writes are short: put a [`BufWriter`](io::BufWriter) around a file, and
/// flush it after [`Writer::finish`](super::Writer::finish).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Io<T>(pub T);

impl<T: Read + Seek> Source for Io<T> {
    type Error = io::Error;

    fn len(&mut self) -> io::Result<u64> {
        self.0.seek(SeekFrom::End(0))
    }

    fn read_at(&mut self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        self.0.seek(SeekFrom::Start(offset))?;
        loop {
            match self.0.read(buf) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }
}

impl<T: Write> Sink for Io<T> {
    type Error = io::Error;

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Completeness, Event, Reader, Stamp, Writer};
    use super::*;

    #[test]
    fn a_file_is_written_and_read() {
        let mut file = tempfile::tempfile().unwrap();
        let mut writer = Writer::new(Io(io::BufWriter::new(&mut file)), [3; 4]).unwrap();
        for i in 0..100_000_u32 {
            writer.frame(Stamp::NONE, &i.to_be_bytes()).unwrap();
        }
        writer.finish().unwrap().0.flush().unwrap();

        let mut reader = Reader::open(Io(file), 4).unwrap();
        for i in 0..100_000_u32 {
            match reader.next().unwrap() {
                Some(Event::Frame { envelope, .. }) => assert_eq!(envelope, i.to_be_bytes()),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(
            reader.next().unwrap(),
            Some(Event::End(Completeness::Complete))
        );
        assert_eq!(reader.into_source().len().unwrap(), 40 + 100_000 * 18);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_full_disk_is_an_error() {
        let full = std::fs::File::options()
            .write(true)
            .open("/dev/full")
            .unwrap();
        let error = Writer::new(Io(full), [3; 4]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
}
