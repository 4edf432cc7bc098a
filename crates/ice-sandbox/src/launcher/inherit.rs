//! What the launcher is given: a socket as standard input, over which the tool's streams and the task come.

use std::io::{self, IoSlice, IoSliceMut, PipeReader, Read};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags,
};

use super::fault::At;
use super::sys;
use crate::report::{SetupFailure, Stage};
use crate::secret::{MAX_SECRET, SecretBytes};
use crate::wire::{self, BEGUN, LEFT, Note, Order, Spec, Used};

/// The socket.
const SOCKET: RawFd = 3;
/// Standard input, output and error of the tool.
const STREAMS: [RawFd; 3] = [4, 5, 6];
/// Where the tool is told what to run.
const ORDERS: RawFd = 7;
/// Where sockets are handed over that listen in the cage.
const WAYS: RawFd = 8;

/// The socket to the program that asked for the run.
pub(super) fn socket() -> BorrowedFd<'static> {
    sys::borrow(SOCKET)
}

/// Tells the program something. If it is gone there is nobody to tell.
pub(super) fn tell(note: &Note) {
    tell_over(socket(), note);
}

/// The same while the socket still is the standard input, as it is until everything was received.
pub(super) fn tell_first(note: &Note) {
    tell_over(std::io::stdin().as_fd(), note);
}

fn tell_over(socket: BorrowedFd<'_>, note: &Note) {
    let Ok(bytes) = wire::encode(note) else { return };
    let mut rest = bytes.as_slice();
    while !rest.is_empty() {
        match rustix::net::send(socket, rest, SendFlags::NOSIGNAL) {
            Ok(sent) => rest = rest.get(sent..).unwrap_or_default(),
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return,
        }
    }
}

/// Receives the task. Afterwards exactly the descriptors 0 to 8 are open: nothing that the program leaked comes along.
pub(super) fn receive() -> Result<Spec, SetupFailure> {
    let socket =
        UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned().at(Stage::Spec, "the socket")?);
    let streams = streams(&socket).at(Stage::Spec, "receiving the streams")?;
    let spec = wire::read(&socket).at(Stage::Spec, "reading what to do")?;
    // First out of the way of the numbers that they are to have.
    let mut high = Vec::new();
    for fd in std::iter::once(socket.as_fd()).chain(streams.iter().map(AsFd::as_fd)) {
        high.push(rustix::io::fcntl_dupfd_cloexec(fd, 16).at(Stage::Spec, "the streams")?);
    }
    for (fd, to) in high.iter().zip(std::iter::once(SOCKET).chain(STREAMS).chain([ORDERS, WAYS])) {
        sys::duplicate(fd.as_fd(), to).at(Stage::Spec, "the streams")?;
    }
    // Their numbers are closed here, or others stand there now: their owners must not close them.
    std::mem::forget((high, socket, streams));
    sys::close_from(9, false).at(Stage::Spec, "closing what was inherited")?;
    let null = null().at(Stage::Spec, "opening /dev/null")?;
    for standard in 0..=2 {
        sys::duplicate(null.as_fd(), standard).at(Stage::Spec, "the streams")?;
    }
    Ok(spec)
}

fn streams(socket: &UnixStream) -> io::Result<[OwnedFd; 5]> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(5))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    rustix::net::recvmsg(socket, &mut [IoSliceMut::new(&mut byte)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let mut fds = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            fds.extend(rights);
        }
    }
    fds.try_into().map_err(|fds: Vec<OwnedFd>| {
        let what = format!("{} came instead of 5; was the launcher started by hand?", fds.len());
        io::Error::new(io::ErrorKind::InvalidData, what)
    })
}

fn null() -> io::Result<OwnedFd> {
    use rustix::fs::{Mode, OFlags, open};
    Ok(open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?)
}

/// Gives the streams to an owner, who may then open them by their names in /proc.
pub(super) fn give_streams(owner: u32) -> io::Result<()> {
    let (user, group) = (rustix::fs::Uid::from_raw(owner), rustix::fs::Gid::from_raw(owner));
    STREAMS
        .into_iter()
        .try_for_each(|stream| Ok(rustix::fs::fchown(sys::borrow(stream), Some(user), Some(group))?))
}

/// Makes the streams those of the tool, and has everything else closed by its exec.
pub(super) fn take_streams() -> io::Result<()> {
    for (stream, standard) in STREAMS.into_iter().zip(0..) {
        sys::duplicate(sys::borrow(stream), standard)?;
    }
    sys::close_from(SOCKET, true)
}

/// Hands a socket over that listens in the cage.
pub(super) fn hand_over(socket: BorrowedFd<'_>) -> io::Result<()> {
    let fds = [socket];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    control.push(SendAncillaryMessage::ScmRights(&fds));
    rustix::net::sendmsg(sys::borrow(WAYS), &[IoSlice::new(&[0])], &mut control, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// Tells whoever carries the connections of the run how it ends. To be said before the processes are ended, whose sockets
/// look as if all had been sent from then on.
pub(super) fn tell_ways(how: u8) {
    // There may be no ways out, and the program may be gone.
    let _ = rustix::net::send(sys::borrow(WAYS), &[how], SendFlags::NOSIGNAL | SendFlags::DONTWAIT);
}

/// Waits to be told what to run, and what the secrets are. None if nobody wants to run anything any more.
pub(super) fn order() -> io::Result<Option<(Order, Vec<SecretBytes>)>> {
    let mut orders = std::fs::File::from(sys::borrow(ORDERS).try_clone_to_owned()?);
    let told = wire::read(&orders).and_then(|order: Order| {
        let mut secrets = Vec::new();
        for slot in &order.secrets {
            if slot.bytes > MAX_SECRET {
                return Err(io::ErrorKind::InvalidData.into());
            }
            let mut bytes = vec![0; slot.bytes];
            orders.read_exact(&mut bytes)?;
            secrets.push(SecretBytes::new(bytes));
        }
        Ok((order, secrets))
    });
    match told {
        Ok(told) => Ok(Some(told)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

/// What the program says to the launcher while a run goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// The time of the run begins.
    Begin,
    /// The run is to end, or the program is gone.
    End,
}

/// What the program says, once there is something to read.
pub(super) fn hear() -> Heard {
    let mut byte = [0_u8];
    match rustix::net::recv(socket(), &mut byte, RecvFlags::empty()) {
        Ok((1.., _)) => Heard::Begin,
        Ok((0, _)) | Err(_) => Heard::End,
    }
}

/// What the processes in the cage say to the launcher.
#[derive(Debug)]
pub(super) enum Said {
    /// The program begins.
    Begun,
    /// All have ended but the first, having used this.
    Left(Used),
    /// Nothing any more.
    Nothing,
}

/// What they say, once there is something to read.
pub(super) fn said(mut by: &PipeReader) -> Said {
    let mut what = [0];
    match by.read_exact(&mut what) {
        Ok(()) if what == [BEGUN] => Said::Begun,
        Ok(()) if what == [LEFT] => wire::read(by).map_or(Said::Nothing, Said::Left),
        Ok(()) | Err(_) => Said::Nothing,
    }
}

/// Closes the streams of the tool: whoever reads them sees their end when the tool's processes have closed them.
pub(super) fn close_streams() -> io::Result<()> {
    let null = null()?;
    STREAMS.into_iter().chain([ORDERS]).try_for_each(|stream| sys::duplicate(null.as_fd(), stream))
}

/// Leaves the socket of the ways out to the launcher alone, whose end is seen there.
pub(super) fn close_ways() -> io::Result<()> {
    sys::duplicate(null()?.as_fd(), WAYS)
}
