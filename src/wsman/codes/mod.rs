//! The numbers and names with which a host says how something went, and what to do about each.
//!
//! For whoever has to turn a number into words or into a decision: the return value of a method, the state
//! of a job, the `Code` of a `WSManFault`, an `error_Code`, a `CIMStatusCode`, a fault's subcode. Everything
//! here is constant data and pure lookups. The texts are for the administrator who reads them at night.
//!
//! This module knows no message and no operation. It says whether a code is of the passing kind ([`Retry`])
//! and whether it proves that nothing was begun ([`proves_not_started`]); whoever knows the operation decides
//! whether it may be repeated.
//!
//! Main types: [`Code`], one row of a table; [`Retry`]; [`Meaning`], what a return value says; [`Treatment`],
//! what a job state means for its watcher; [`Subcode`] and [`FaultDetail`]; [`Entry`], one row of any table
//! as [`search()`] finds it.
//!
//! Specifications: \[DSP0226\] "Faults" and its fault tables; \[DSP0223\] and CIM_Error for CIM status codes;
//! \[MS-WSMV\] "WSManFault"; the MSDOC pages "WMI Error Constants", "Msvm_ConcreteJob" and those of the
//! methods of the Hyper-V reference point services; `wsmerror.h`, `winerror.h`, `ntstatus.h`, `vss.h` and
//! `krb5.h` for numbers.

mod cim_status;
mod code;
mod job_state;
mod kerberos;
mod return_value;
mod search;
mod subcode;
mod wbem;
mod win32;
mod wsman;

pub use cim_status::cim_status;
pub use code::{Code, Retry};
pub use job_state::{JobState, Treatment, job_outcome, job_state};
pub use kerberos::kerberos;
pub use return_value::{
    COMPLETED, JOB_STARTED, Meaning, hyperv_equivalent, is_retryable, is_retryable_creation, return_value,
};
pub use search::{Entry, Synonym, Table, entries, of_fault, search, synonym, synonyms};
pub use subcode::{Blame, FAULT_DETAIL_PREFIX, FaultDetail, Space, Subcode, fault_detail, subcode};
pub use wbem::wbem;
pub use win32::win32;
pub use wsman::{is_quota, proves_not_started, wsman};
