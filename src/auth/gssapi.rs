#![expect(
    unsafe_code,
    reason = "the system's GSSAPI is a C library; this file alone talks to it, and gives out safe handles"
)]
//! The system's GSSAPI, loaded at run time: [RFC 2744] and MIT's extensions to it.
//!
//! Safety, for the whole file:
//! * The function types below are those of MIT krb5's `gssapi.h` and `gssapi_ext.h`, whose interface has
//!   been stable since 1.11 and is the same everywhere but for the calling convention on 32-bit Windows, which is
//!   `system`'s. The library is never unloaded, so its functions stay valid.
//! * A handle is created by the library, owned by exactly one value here, used through `&mut` where the
//!   call changes it, and released once, in `Drop`.
//! * Buffers we hand out point into slices that outlive the call, and the library does not keep them.
//!   Buffers we get are copied and released at once.
//! * MIT's handles are not tied to the thread that made them; they may move (`Send`) but are not shared.

use std::ffi::{CString, c_char, c_int, c_void};
use std::ptr;
use std::sync::OnceLock;

use libloading::Library;

use super::KerberosTrouble;

/// The library's functions.
pub(super) struct Gssapi {
    _library: Library,
    import_name: unsafe extern "system" fn(*mut u32, *const Buffer, *const Oid, *mut Handle) -> u32,
    canonicalize_name: unsafe extern "system" fn(*mut u32, Handle, *const Oid, *mut Handle) -> u32,
    release_name: unsafe extern "system" fn(*mut u32, *mut Handle) -> u32,
    display_name: unsafe extern "system" fn(*mut u32, Handle, *mut Buffer, *mut *const Oid) -> u32,
    display_status: unsafe extern "system" fn(*mut u32, u32, c_int, *const Oid, *mut u32, *mut Buffer) -> u32,
    release_buffer: unsafe extern "system" fn(*mut u32, *mut Buffer) -> u32,
    acquire_cred_from: unsafe extern "system" fn(
        *mut u32,
        Handle,
        u32,
        *const OidSet,
        c_int,
        *const Store,
        *mut Handle,
        *mut *mut OidSet,
        *mut u32,
    ) -> u32,
    acquire_cred_with_password: unsafe extern "system" fn(
        *mut u32,
        Handle,
        *const Buffer,
        u32,
        *const OidSet,
        c_int,
        *mut Handle,
        *mut *mut OidSet,
        *mut u32,
    ) -> u32,
    release_cred: unsafe extern "system" fn(*mut u32, *mut Handle) -> u32,
    set_allowable_enctypes: unsafe extern "system" fn(*mut u32, Handle, u32, *const i32) -> u32,
    init_sec_context: unsafe extern "system" fn(
        *mut u32,
        Handle,
        *mut Handle,
        Handle,
        *const Oid,
        u32,
        u32,
        *const Bindings,
        *const Buffer,
        *mut *const Oid,
        *mut Buffer,
        *mut u32,
        *mut u32,
    ) -> u32,
    accept_sec_context: unsafe extern "system" fn(
        *mut u32,
        *mut Handle,
        Handle,
        *const Buffer,
        *const Bindings,
        *mut Handle,
        *mut *const Oid,
        *mut Buffer,
        *mut u32,
        *mut u32,
        *mut Handle,
    ) -> u32,
    delete_sec_context: unsafe extern "system" fn(*mut u32, *mut Handle, *mut Buffer) -> u32,
    wrap_iov: unsafe extern "system" fn(*mut u32, Handle, c_int, u32, *mut c_int, *mut Iov, c_int) -> u32,
    unwrap_iov: unsafe extern "system" fn(*mut u32, Handle, *mut c_int, *mut u32, *mut Iov, c_int) -> u32,
    release_iov_buffer: unsafe extern "system" fn(*mut u32, *mut Iov, c_int) -> u32,
    get_mic: unsafe extern "system" fn(*mut u32, Handle, u32, *const Buffer, *mut Buffer) -> u32,
    verify_mic: unsafe extern "system" fn(*mut u32, Handle, *const Buffer, *const Buffer, *mut u32) -> u32,
}

impl Gssapi {
    /// Returns the library, loading it on first use. A failure is remembered too.
    pub(super) fn load() -> Result<&'static Self, String> {
        static LOADED: OnceLock<Result<Gssapi, String>> = OnceLock::new();
        LOADED.get_or_init(|| Self::open().map_err(|error| said(&error))).as_ref().map_err(Clone::clone)
    }

    fn open() -> Result<Self, libloading::Error> {
        let library = library()?;
        macro_rules! function {
            ($name:literal) => {
                // SAFETY: each field's type is that of the function in MIT's headers.
                unsafe { *library.get($name)? }
            };
        }
        Ok(Self {
            import_name: function!(b"gss_import_name\0"),
            canonicalize_name: function!(b"gss_canonicalize_name\0"),
            release_name: function!(b"gss_release_name\0"),
            display_name: function!(b"gss_display_name\0"),
            display_status: function!(b"gss_display_status\0"),
            release_buffer: function!(b"gss_release_buffer\0"),
            acquire_cred_from: function!(b"gss_acquire_cred_from\0"),
            acquire_cred_with_password: function!(b"gss_acquire_cred_with_password\0"),
            release_cred: function!(b"gss_release_cred\0"),
            set_allowable_enctypes: function!(b"gss_krb5_set_allowable_enctypes\0"),
            init_sec_context: function!(b"gss_init_sec_context\0"),
            accept_sec_context: function!(b"gss_accept_sec_context\0"),
            delete_sec_context: function!(b"gss_delete_sec_context\0"),
            wrap_iov: function!(b"gss_wrap_iov\0"),
            unwrap_iov: function!(b"gss_unwrap_iov\0"),
            release_iov_buffer: function!(b"gss_release_iov_buffer\0"),
            get_mic: function!(b"gss_get_mic\0"),
            verify_mic: function!(b"gss_verify_mic\0"),
            _library: library,
        })
    }

    /// Makes a name of a Kerberos principal.
    pub(super) fn principal(&'static self, text: &str) -> Result<Name, Status> {
        let mut name = Name { api: self, raw: ptr::null_mut() };
        let (kind, text) = (Oid::of(PRINCIPAL_NAME), Buffer::of(text.as_bytes()));
        // SAFETY: see the top of the file.
        self.call(|minor| unsafe { (self.import_name)(minor, &text, &kind, &mut name.raw) })?;
        Ok(name)
    }

    /// Acquires Kerberos credentials. What is not named in the store is the system's default.
    pub(super) fn acquire(
        &'static self,
        name: Option<&Name>,
        usage: Usage,
        store: &[(&str, &str)],
    ) -> Result<Credential, Status> {
        let text = |text: &str| CString::new(text).map_err(|_| Status::own("name contains a zero byte"));
        let strings: Vec<_> =
            store.iter().map(|(key, value)| Ok((text(key)?, text(value)?))).collect::<Result<_, Status>>()?;
        let elements: Vec<_> = strings.iter().map(|(key, value)| (key.as_ptr(), value.as_ptr())).collect();
        let elements: Vec<_> = elements.into_iter().map(|(key, value)| Element { key, value }).collect();
        let store = Store { count: elements.len() as u32, elements: elements.as_ptr() };
        let store = if elements.is_empty() { ptr::null() } else { &raw const store };

        let mut credential = Credential { api: self, raw: ptr::null_mut() };
        let kerberos = Oid::of(KERBEROS);
        let mechanisms = OidSet { count: 1, elements: &kerberos };
        let name = name.map_or(ptr::null_mut(), |name| name.raw);
        let (out, none) = (&mut credential.raw, ptr::null_mut());
        // SAFETY: see the top of the file.
        self.call(|minor| unsafe {
            (self.acquire_cred_from)(
                minor,
                name,
                0,
                &mechanisms,
                usage as c_int,
                store,
                out,
                none,
                ptr::null_mut(),
            )
        })?;
        Ok(credential)
    }

    /// Acquires Kerberos credentials with a password; they live in memory and go with the value.
    pub(super) fn acquire_with_password(
        &'static self,
        name: &Name,
        password: &[u8],
    ) -> Result<Credential, Status> {
        let mut credential = Credential { api: self, raw: ptr::null_mut() };
        let (kerberos, password) = (Oid::of(KERBEROS), Buffer::of(password));
        let mechanisms = OidSet { count: 1, elements: &kerberos };
        let (out, usage, none) = (&mut credential.raw, Usage::Initiate as c_int, ptr::null_mut());
        // SAFETY: see the top of the file.
        self.call(|minor| unsafe {
            let acquire = self.acquire_cred_with_password;
            acquire(minor, name.raw, &password, 0, &mechanisms, usage, out, none, ptr::null_mut())
        })?;
        Ok(credential)
    }

    /// Makes a context that is not yet established.
    pub(super) fn context(&'static self) -> Context {
        Context { api: self, raw: ptr::null_mut() }
    }

    /// Runs one function. Errors get their texts; informatory bits are returned.
    fn call(&self, function: impl FnOnce(*mut u32) -> u32) -> Result<u32, Status> {
        let mut minor = 0;
        let major = function(&mut minor);
        match major & ERROR_MASK {
            0 => Ok(major),
            _ => Err(Status { minor, text: self.describe(major, minor) }),
        }
    }

    fn describe(&self, major: u32, minor: u32) -> String {
        let general = self.status_text(major, GSS_CODE, ptr::null());
        let detail = self.status_text(minor, MECH_CODE, &Oid::of(KERBEROS));
        match (general, detail) {
            // "Unspecified GSS failure. Minor code may provide more information" helps nobody.
            (_, Some(detail)) if major & ERROR_MASK == FAILURE => detail,
            (Some(general), Some(detail)) if detail != general => format!("{general}: {detail}"),
            (Some(text), _) | (None, Some(text)) => text,
            (None, None) => format!("GSSAPI error {major:#x}, {minor:#x}"),
        }
    }

    fn status_text(&self, code: u32, kind: c_int, mechanism: *const Oid) -> Option<String> {
        if code == 0 {
            return None;
        }
        let (mut minor, mut more, mut text) = (0, 0, OwnedBuffer::new(self));
        // SAFETY: see the top of the file. Only the first message is read; they come most important first.
        let major =
            unsafe { (self.display_status)(&mut minor, code, kind, mechanism, &mut more, &mut text.raw) };
        (major & ERROR_MASK == 0).then(|| readable(text.bytes()))
    }
}

/// Returns what the loader says. Some systems keep their own words behind those of the call.
fn said(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

/// Loads the first of the libraries that is there. What is said of the last one is returned if there is none.
fn library() -> Result<Library, libloading::Error> {
    let (last, others) = LIBRARIES;
    others.iter().find_map(|name| load(name).ok()).map_or_else(|| load(last), Ok)
}

#[cfg(not(windows))]
fn load(name: &str) -> Result<Library, libloading::Error> {
    // SAFETY: loading runs the library's initialisers, which MIT krb5 keeps safe at any time.
    unsafe { Library::new(name) }
}

/// Windows would look for a name in the current folder and in all of PATH too, where anybody may have laid something.
/// A path is loaded with what lies beside it; a name from beside the program and from the system's folder alone.
#[cfg(windows)]
fn load(name: &str) -> Result<Library, libloading::Error> {
    use libloading::os::windows::{
        LOAD_LIBRARY_SEARCH_DEFAULT_DIRS, LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR, Library as Loaded,
    };

    let beside = if name.contains('\\') { LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR } else { 0 };
    // SAFETY: loading runs the library's initialisers, which MIT krb5 keeps safe at any time.
    unsafe { Loaded::load_with_flags(name, LOAD_LIBRARY_SEARCH_DEFAULT_DIRS | beside) }.map(Library::from)
}

/// The library repeats what a KDC wrote, which anybody on the way may have written.
fn readable(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    text.trim_end_matches('.').chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_TEXT).collect()
}

/// What a credential is for.
#[derive(Clone, Copy)]
pub(super) enum Usage {
    Initiate = 1,
    Accept = 2,
}

/// Why the library refused.
#[derive(Debug)]
pub(super) struct Status {
    minor: u32,
    /// The library's own words.
    pub(super) text: String,
}

impl Status {
    fn own(text: &str) -> Self {
        Self { minor: 0, text: text.to_owned() }
    }

    /// Returns what it means.
    pub(super) fn trouble(&self) -> KerberosTrouble {
        KerberosTrouble::of(self.minor as i32)
    }

    /// Says whether the KDC refuses the password, or the account itself.
    pub(super) fn is_refused_password(&self) -> bool {
        REFUSED.contains(&(self.minor as i32))
    }

    /// Says whether the KDC does not know the service, so that another name is worth a try.
    pub(super) fn is_unknown_service(&self) -> bool {
        self.minor as i32 == KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN
    }
}

/// A name in the library's form.
pub(super) struct Name {
    api: &'static Gssapi,
    raw: Handle,
}

// SAFETY: MIT's handles may move between threads.
unsafe impl Send for Name {}

impl Name {
    /// Returns the whole principal, its realm filled in.
    pub(super) fn full(&self) -> Result<String, Status> {
        let (kerberos, mut full) = (Oid::of(KERBEROS), Self { api: self.api, raw: ptr::null_mut() });
        // SAFETY: see the top of the file. A principal's name is not looked up anywhere.
        self.api.call(|minor| unsafe {
            (self.api.canonicalize_name)(minor, self.raw, &kerberos, &mut full.raw)
        })?;
        full.text().ok_or_else(|| Status::own("name cannot be shown"))
    }

    fn text(&self) -> Option<String> {
        let mut text = OwnedBuffer::new(self.api);
        // SAFETY: see the top of the file.
        let shown = self.api.call(|minor| unsafe {
            (self.api.display_name)(minor, self.raw, &mut text.raw, ptr::null_mut())
        });
        shown.ok().map(|_| String::from_utf8_lossy(text.bytes()).into_owned())
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        // SAFETY: see the top of the file. Releasing an empty handle does nothing.
        unsafe { (self.api.release_name)(&mut 0, &mut self.raw) };
    }
}

/// Credentials in the library's form.
pub(super) struct Credential {
    api: &'static Gssapi,
    raw: Handle,
}

// SAFETY: MIT's handles may move between threads.
unsafe impl Send for Credential {}

impl Credential {
    /// Limits the keys a session may use.
    pub(super) fn limit_enctypes(&mut self, enctypes: &[i32]) -> Result<(), Status> {
        let (count, list) = (enctypes.len() as u32, enctypes.as_ptr());
        // SAFETY: see the top of the file.
        self.api.call(|minor| unsafe { (self.api.set_allowable_enctypes)(minor, self.raw, count, list) })?;
        Ok(())
    }
}

impl Drop for Credential {
    fn drop(&mut self) {
        // SAFETY: see the top of the file. Releasing an empty handle does nothing.
        unsafe { (self.api.release_cred)(&mut 0, &mut self.raw) };
    }
}

/// A security context, growing or established.
pub(super) struct Context {
    api: &'static Gssapi,
    raw: Handle,
}

// SAFETY: MIT's handles may move between threads.
unsafe impl Send for Context {}

/// How far a context has come.
pub(super) struct Progress {
    /// The token for the peer, empty if there is none.
    pub(super) token: Vec<u8>,
    /// Whether our side is established.
    pub(super) complete: bool,
    /// What the context can do so far.
    pub(super) flags: u32,
    /// The peer's name (acceptor only).
    pub(super) peer: Option<String>,
}

impl Context {
    /// Initiates, or continues with the peer's token.
    pub(super) fn initiate(
        &mut self,
        credential: &Credential,
        target: &Name,
        bindings: Option<&[u8]>,
        token: Option<&[u8]>,
    ) -> Result<Progress, Status> {
        let (kerberos, bindings) = (Oid::of(KERBEROS), bindings.map(Bindings::of));
        let bindings = bindings.as_ref().map_or(ptr::null(), ptr::from_ref);
        let (input, mut flags) = (Buffer::of(token.unwrap_or_default()), 0);
        let mut output = OwnedBuffer::new(self.api);
        // SAFETY: see the top of the file.
        let major = self.api.call(|minor| unsafe {
            (self.api.init_sec_context)(
                minor,
                credential.raw,
                &mut self.raw,
                target.raw,
                &kerberos,
                WANTED,
                0,
                bindings,
                &input,
                ptr::null_mut(),
                &mut output.raw,
                &mut flags,
                ptr::null_mut(),
            )
        })?;
        let token = output.bytes().to_vec();
        Ok(Progress { token, complete: major & CONTINUE_NEEDED == 0, flags, peer: None })
    }

    /// Accepts the peer's token.
    pub(super) fn accept(
        &mut self,
        credential: &Credential,
        bindings: Option<&[u8]>,
        token: &[u8],
    ) -> Result<Progress, Status> {
        let bindings = bindings.map(Bindings::of);
        let bindings = bindings.as_ref().map_or(ptr::null(), ptr::from_ref);
        let (input, mut flags) = (Buffer::of(token), 0);
        let mut output = OwnedBuffer::new(self.api);
        let mut peer = Name { api: self.api, raw: ptr::null_mut() };
        // SAFETY: see the top of the file.
        let major = self.api.call(|minor| unsafe {
            (self.api.accept_sec_context)(
                minor,
                &mut self.raw,
                credential.raw,
                &input,
                bindings,
                &mut peer.raw,
                ptr::null_mut(),
                &mut output.raw,
                &mut flags,
                ptr::null_mut(),
                ptr::null_mut(),
            )
        })?;
        let token = output.bytes().to_vec();
        Ok(Progress { token, complete: major & CONTINUE_NEEDED == 0, flags, peer: peer.text() })
    }

    /// Seals a message in place as header, data, padding (no DCE style), and returns the header.
    pub(super) fn wrap(&mut self, message: &mut Vec<u8>) -> Result<Vec<u8>, Status> {
        let mut pieces = Pieces {
            api: self.api,
            iov: [
                Iov { kind: HEADER | ALLOCATE, buffer: Buffer::EMPTY },
                Iov { kind: DATA, buffer: Buffer::of_mut(message) },
                Iov { kind: PADDING | ALLOCATE, buffer: Buffer::EMPTY },
            ],
        };
        let mut sealed = 0;
        // SAFETY: see the top of the file; the data is encrypted in place, in `message`.
        self.api.call(|minor| unsafe {
            (self.api.wrap_iov)(minor, self.raw, 1, 0, &mut sealed, pieces.iov.as_mut_ptr(), PIECES)
        })?;
        if sealed == 0 {
            return Err(Status::own("message was signed but not sealed"));
        }
        // SAFETY: the library filled both, and they live until `pieces` is dropped.
        let (header, padding) = unsafe { (pieces.iov[0].buffer.bytes(), pieces.iov[2].buffer.bytes()) };
        message.extend_from_slice(padding);
        Ok(header.to_vec())
    }

    /// Opens a message in place. Repeated, old and missing messages are errors too.
    pub(super) fn unwrap(&mut self, header: &[u8], message: &mut Vec<u8>) -> Result<(), Status> {
        let mut header = header.to_vec();
        // A token in ASN.1 framing is one of RFC 4757 (RC4): its last byte of data is padding, and the
        // library takes padding off only where it is handed over as such.
        let padding = if header.first() == Some(&FRAMED) { message.len().min(1) } else { 0 };
        let end = message.len() - padding;
        let (data, padding) = message.split_at_mut(end);
        let mut iov = [
            Iov { kind: HEADER, buffer: Buffer::of_mut(&mut header) },
            Iov { kind: DATA, buffer: Buffer::of_mut(data) },
            Iov { kind: PADDING, buffer: Buffer::of_mut(padding) },
        ];
        let (mut sealed, mut quality) = (0, 0);
        // SAFETY: see the top of the file; the data is decrypted in place, in `message`.
        let major = self.api.call(|minor| unsafe {
            (self.api.unwrap_iov)(minor, self.raw, &mut sealed, &mut quality, iov.as_mut_ptr(), PIECES)
        })?;
        if major != 0 {
            return Err(Status::own("message out of sequence"));
        }
        if sealed == 0 {
            return Err(Status::own("message was not sealed"));
        }
        message.truncate(iov[1].buffer.length);
        Ok(())
    }

    /// Signs data.
    pub(super) fn sign(&mut self, data: &[u8]) -> Result<Vec<u8>, Status> {
        let (data, mut signature) = (Buffer::of(data), OwnedBuffer::new(self.api));
        // SAFETY: see the top of the file.
        self.api
            .call(|minor| unsafe { (self.api.get_mic)(minor, self.raw, 0, &data, &mut signature.raw) })?;
        Ok(signature.bytes().to_vec())
    }

    /// Verifies a signature.
    pub(super) fn verify(&mut self, data: &[u8], signature: &[u8]) -> Result<(), Status> {
        let (data, signature) = (Buffer::of(data), Buffer::of(signature));
        // SAFETY: see the top of the file.
        let major = self.api.call(|minor| unsafe {
            (self.api.verify_mic)(minor, self.raw, &data, &signature, ptr::null_mut())
        })?;
        match major {
            0 => Ok(()),
            _ => Err(Status::own("signature out of sequence")),
        }
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: see the top of the file. Deleting an empty handle does nothing.
        unsafe { (self.api.delete_sec_context)(&mut 0, &mut self.raw, ptr::null_mut()) };
    }
}

/// Flags of a context, [RFC 2744] section 5.19.
pub(super) const MUTUAL: u32 = 2;
pub(super) const SEQUENCE: u32 = 8;
pub(super) const CONFIDENTIALITY: u32 = 16;
pub(super) const INTEGRITY: u32 = 32;
/// The acceptor saw and checked channel bindings (MIT 1.19).
pub(super) const CHANNEL_BOUND: u32 = 2048;

/// Mutual, replay, sequence, confidentiality, integrity: what Windows' own client asks for, no more. No
/// delegation, no DCE style.
const WANTED: u32 = MUTUAL | 4 | SEQUENCE | CONFIDENTIALITY | INTEGRITY;

/// Where MIT krb5 is: the last place, which an error names, and those that are tried before it.
#[cfg(not(any(windows, target_vendor = "apple")))]
const LIBRARIES: (&str, &[&str]) = ("libgssapi_krb5.so.2", &[]);

/// Apple's own GSSAPI is another one (Heimdal), with other structures and without some of the functions. These are
/// Homebrew's on both processors, and that of MacPorts.
#[cfg(target_vendor = "apple")]
const LIBRARIES: (&str, &[&str]) = (
    "/opt/homebrew/opt/krb5/lib/libgssapi_krb5.dylib",
    &["/usr/local/opt/krb5/lib/libgssapi_krb5.dylib", "/opt/local/lib/libgssapi_krb5.dylib"],
);

/// MIT Kerberos for Windows where its installer puts it, or beside the program.
#[cfg(all(windows, target_pointer_width = "64"))]
const LIBRARIES: (&str, &[&str]) = ("gssapi64.dll", &[r"C:\Program Files\MIT\Kerberos\bin\gssapi64.dll"]);
#[cfg(all(windows, target_pointer_width = "32"))]
const LIBRARIES: (&str, &[&str]) =
    ("gssapi32.dll", &[r"C:\Program Files (x86)\MIT\Kerberos\bin\gssapi32.dll"]);

/// 1.2.840.113554.1.2.2 and, below it, GSS_KRB5_NT_PRINCIPAL_NAME.
const KERBEROS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 1, 2, 2];
const PRINCIPAL_NAME: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 1, 2, 2, 1];

/// Calling errors and routine errors are in the upper half of a major status.
const ERROR_MASK: u32 = 0xffff_0000;
const FAILURE: u32 = 13 << 16;
const CONTINUE_NEEDED: u32 = 1;
const GSS_CODE: c_int = 1;
const MECH_CODE: c_int = 2;
const KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN: i32 = -1_765_328_377;

/// KRB5KDC_ERR_CLIENT_REVOKED (disabled or locked), KRB5KDC_ERR_KEY_EXP, KRB5KDC_ERR_PREAUTH_FAILED, and
/// KRB5KRB_AP_ERR_BAD_INTEGRITY where the KDC sends the answer for the password to open.
const REFUSED: [i32; 4] = [-1_765_328_366, -1_765_328_361, -1_765_328_360, -1_765_328_353];

/// Longer than anything the library says by itself.
const MAX_TEXT: usize = 512;

/// `[APPLICATION 0]`, the frame of [RFC 2743] section 3.1.
const FRAMED: u8 = 0x60;

const DATA: u32 = 1;
const HEADER: u32 = 2;
const PADDING: u32 = 9;
const ALLOCATE: u32 = 0x0001_0000;
const PIECES: c_int = 3;

type Handle = *mut c_void;

#[repr(C)]
struct Buffer {
    length: usize,
    value: *mut c_void,
}

impl Buffer {
    const EMPTY: Self = Self { length: 0, value: ptr::null_mut() };

    /// A buffer the library only reads.
    fn of(bytes: &[u8]) -> Self {
        Self { length: bytes.len(), value: bytes.as_ptr().cast_mut().cast() }
    }

    /// A buffer the library writes to, within its length.
    fn of_mut(bytes: &mut [u8]) -> Self {
        Self { length: bytes.len(), value: bytes.as_mut_ptr().cast() }
    }

    /// SAFETY: the buffer must be empty or point to that many bytes that outlive the borrow.
    unsafe fn bytes(&self) -> &[u8] {
        if self.value.is_null() || self.length == 0 {
            return &[];
        }
        // SAFETY: promised by the caller.
        unsafe { std::slice::from_raw_parts(self.value.cast(), self.length) }
    }
}

/// A buffer the library fills and takes back.
struct OwnedBuffer<'a> {
    api: &'a Gssapi,
    raw: Buffer,
}

impl<'a> OwnedBuffer<'a> {
    fn new(api: &'a Gssapi) -> Self {
        Self { api, raw: Buffer::EMPTY }
    }

    fn bytes(&self) -> &[u8] {
        // SAFETY: empty, or filled by the library.
        unsafe { self.raw.bytes() }
    }
}

impl Drop for OwnedBuffer<'_> {
    fn drop(&mut self) {
        // SAFETY: see the top of the file. Releasing an empty buffer does nothing.
        unsafe { (self.api.release_buffer)(&mut 0, &mut self.raw) };
    }
}

#[repr(C)]
struct Iov {
    kind: u32,
    buffer: Buffer,
}

/// The pieces of a message being wrapped; what the library allocated goes back to it.
struct Pieces<'a> {
    api: &'a Gssapi,
    iov: [Iov; PIECES as usize],
}

impl Drop for Pieces<'_> {
    fn drop(&mut self) {
        // SAFETY: the library releases only the pieces it marked as allocated by itself.
        unsafe { (self.api.release_iov_buffer)(&mut 0, self.iov.as_mut_ptr(), PIECES) };
    }
}

#[repr(C)]
struct Oid {
    length: u32,
    elements: *const c_void,
}

impl Oid {
    fn of(bytes: &'static [u8]) -> Self {
        Self { length: bytes.len() as u32, elements: bytes.as_ptr().cast() }
    }
}

#[repr(C)]
struct OidSet {
    count: usize,
    elements: *const Oid,
}

#[repr(C)]
struct Element {
    key: *const c_char,
    value: *const c_char,
}

#[repr(C)]
struct Store {
    count: u32,
    elements: *const Element,
}

#[repr(C)]
struct Bindings {
    initiator_kind: u32,
    initiator: Buffer,
    acceptor_kind: u32,
    acceptor: Buffer,
    application_data: Buffer,
}

impl Bindings {
    fn of(application_data: &[u8]) -> Self {
        Self {
            initiator_kind: 0,
            initiator: Buffer::EMPTY,
            acceptor_kind: 0,
            acceptor: Buffer::EMPTY,
            application_data: Buffer::of(application_data),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_kdc_writes_does_not_steer_a_terminal() {
        assert_eq!(readable(b"no\x1b]0;x\x07 such\r\nrealm."), "no ]0;x  such  realm");
        assert_eq!(readable(&[b'x'; 5000]).len(), MAX_TEXT);
        assert_eq!(readable(b"\xff"), "\u{fffd}");
    }
}
