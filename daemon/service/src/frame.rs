//! Messages on a stream: a 32-bit big-endian length, then so many octets.

use std::io::{self, Read, Write};

/// Writes one message.
///
/// # Errors
/// `InvalidInput` when the message is longer than 32 bits can say; otherwise what the stream says.
pub fn write(stream: &mut impl Write, message: &[u8]) -> io::Result<()> {
    let length = u32::try_from(message.len()).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    // In one piece, so that whoever reads is woken once.
    let whole = message.len() <= SMALL;
    let mut start = Vec::with_capacity(4 + if whole { message.len() } else { 0 });
    start.extend_from_slice(&length.to_be_bytes());
    start.extend_from_slice(if whole { message } else { &[] });
    stream.write_all(&start)?;
    stream.write_all(if whole { &[] } else { message })?;
    stream.flush()
}

/// Reads one message of at most `limit` octets. `None` when the peer ended the stream between messages.
///
/// # Errors
/// `InvalidData` for a longer message, `UnexpectedEof` for one that is cut, `WouldBlock` or
/// `TimedOut` when a read timeout passes before its first octet; otherwise what the stream says.
pub fn read(stream: &mut impl Read, limit: usize) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    let there = loop {
        match stream.read(&mut length) {
            Ok(0) => return Ok(None),
            Ok(there) => break there,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    };
    stream.read_exact(length.get_mut(there..).unwrap_or_default()).map_err(cut)?;
    let length = u32::from_be_bytes(length);
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if length > limit {
        return Err(io::Error::from(io::ErrorKind::InvalidData));
    }
    let mut message = vec![0; length];
    stream.read_exact(&mut message).map_err(cut)?;
    Ok(Some(message))
}

/// Messages of up to so many octets are copied behind their length.
const SMALL: usize = 64 << 10;

/// A timeout inside a message is a peer that stalls, not one that is idle.
fn cut(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => io::ErrorKind::UnexpectedEof.into(),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut stream = Vec::new();
        write(&mut stream, b"one").unwrap();
        write(&mut stream, b"").unwrap();
        let mut stream = stream.as_slice();
        assert_eq!(read(&mut stream, 3).unwrap().unwrap(), b"one");
        assert_eq!(read(&mut stream, 3).unwrap().unwrap(), b"");
        assert_eq!(read(&mut stream, 3).unwrap(), None);
    }

    #[test]
    fn a_length_over_the_limit_is_refused_before_memory_is_taken() {
        let mut stream: &[u8] = &[0xff; 8];
        assert_eq!(read(&mut stream, 16).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn a_cut_message_is_an_error() {
        let mut stream: &[u8] = &[0, 0, 0, 9, 1];
        assert_eq!(read(&mut stream, 16).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
