//! The codes of the WinRM service and its client, 0x80338000 and up.
//!
//! They come as the `Code` attribute of a `WSManFault`, \[MS-WSMV\] "WSManFault", and as the `error_Code` of
//! an `MSFT_WmiError`. Numbers and symbols are those of `wsmerror.h`.

use super::code::{Code, codes, find};

/// Finds a WinRM code, such as 0x803381A6, by its full number.
pub fn wsman(number: u32) -> Option<&'static Code> {
    find(CODES, number)
}

/// Returns whether the number says that a quota is used up: one of WinRM's, or WBEM_E_QUOTA_VIOLATION.
pub fn is_quota(number: u32) -> bool {
    const WBEM_E_QUOTA_VIOLATION: u32 = 0x8004_106C;
    is_wsman_quota(number) || number == WBEM_E_QUOTA_VIOLATION
}

/// Returns whether a fault with this code proves that the method it answers was not begun.
///
/// Only such a fault allows a method call to be sent again. These are WinRM's own quotas and its refusal of
/// concurrent requests: WinRM turns the request away before it reaches a provider, which is why Windows' own
/// clients sleep and repeat on them. A quota of WMI is not among them, since a method may meet it half-way.
pub fn proves_not_started(number: u32) -> bool {
    const ERROR_WSMAN_CONCURRENCY: u32 = 0x8033_8032;
    is_wsman_quota(number) || number == ERROR_WSMAN_CONCURRENCY
}

fn is_wsman_quota(number: u32) -> bool {
    matches!(number, 0x8033_803F | 0x8033_81A5..=0x8033_81A8 | 0x8033_81AB | 0x8033_81E4..=0x8033_81EA)
}

pub(super) static CODES: &[Code] = codes! {
    0x8033_8000 "resource-not-found" "ERROR_WSMAN_RESOURCE_NOT_FOUND" Never
        meaning "The class or object that was asked for does not exist on this host."
        cause   "The job or object has gone, the machine moved to another node, or the Hyper-V role is \
                missing. The fault may also wrap a WMI code that is more exact."
        advice  "Look the object up again; read the inner code of the fault; on a cluster ask the node that \
                owns the machine.";
    0x8033_8001 "invalid-action-uri" "ERROR_WSMAN_INVALID_ACTIONURI" Never
        meaning "The action is not known for this resource."
        cause   "A method name that the class does not have, often because the host is older than the \
                method."
        advice  "Check the method name with `refpoint cim describe` and the Windows version with `refpoint \
                identify`.";
    0x8033_8002 "invalid-uri" "ERROR_WSMAN_INVALID_URI" Never
        meaning "The resource URI is not well formed or names nothing the service handles."
        cause   "A typing error in a namespace or class given on the command line."
        advice  "Correct `--namespace` or the class name; the default namespace is root/virtualization/v2.";
    0x8033_8003 "provider-failure" "ERROR_WSMAN_PROVIDER_FAILURE" BackOff
        meaning "The WMI provider behind WinRM failed while it worked on the request."
        cause   "Hyper-V management or WMI on the host is restarting, overloaded or has crashed."
        advice  "Read-only requests are repeated. If it stays, look at the host's WMI-Activity and \
                Hyper-V-VMMS logs.";
    0x8033_8006 "pull-in-progress" "ERROR_WSMAN_PULL_IN_PROGRESS" Never
        meaning "A second page was asked for while the first was still being prepared."
        cause   "Two requests used one enumeration at the same time."
        advice  "Start the listing again. If it comes back with nothing else running, report it as a bug \
                with `--dump`.";
    0x8033_8007 "enumeration-closed" "ERROR_WSMAN_ENUMERATION_CLOSED" Never
        meaning "The listing that this page belongs to has already been closed."
        cause   "It ran to its end, was released, or sat idle longer than the host keeps listings."
        advice  "Start the listing again from the beginning.";
    0x8033_8008 "subscription-closed" "ERROR_WSMAN_SUBSCRIPTION_CLOSED" Never
        meaning "The event subscription no longer exists on the host."
        cause   "It expired, was cancelled, or the WinRM service was restarted."
        advice  "Subscribe again and look once at the state of what was watched, since events were missed.";
    0x8033_800A "subscription-client-did-not-call-within-heartbeat"
        "ERROR_WSMAN_SUBSCRIPTION_CLIENT_DID_NOT_CALL_WITHIN_HEARTBEAT" Never
        meaning "The host dropped the subscription because nobody fetched events in time."
        cause   "The client was suspended, cut off or too slow."
        advice  "Subscribe again and look once at the state of what was watched.";
    0x8033_800C "unsupported-timeout" "ERROR_WSMAN_UNSUPPORTED_TIMEOUT" Never
        meaning "The host does not accept this kind of time-out."
        cause   "The operation does not take the requested time limit."
        advice  "Leave `--operation-timeout` at its default.";
    0x8033_800D "soap-version-mismatch" "ERROR_WSMAN_SOAP_VERSION_MISMATCH" Never
        meaning "The other side did not see a SOAP 1.2 message."
        cause   "A proxy changed the request, or the port belongs to another service."
        advice  "Check address, port and proxy; try `refpoint identify`.";
    0x8033_800F "invalid-message-information-header" "ERROR_WSMAN_INVALID_MESSAGE_INFORMATION_HEADER" Never
        meaning "An addressing header of the request is not valid."
        cause   "A defect in this program, or a gateway that rewrites messages."
        advice  "Repeat with `--dump` and report it as a bug.";
    0x8033_8010 "soap-fault-must-understand" "ERROR_WSMAN_SOAP_FAULT_MUST_UNDERSTAND" Never
        meaning "The host does not know a header that it was told it must obey."
        cause   "The stack on the host is older or is not Windows."
        advice  "Run `refpoint identify` to see who answers, then report it with `--dump`.";
    0x8033_8011 "message-information-header-required" "ERROR_WSMAN_MESSAGE_INFORMATION_HEADER_REQUIRED" Never
        meaning "A required addressing header is missing."
        cause   "A gateway removed it, or a defect in this program."
        advice  "Repeat with `--dump`, without a proxy if possible, and report it.";
    0x8033_8012 "destination-unreachable" "ERROR_WSMAN_DESTINATION_UNREACHABLE" Never
        meaning "WinRM cannot route the request to the class or object it names."
        cause   "The object has gone, or the class is not known in that namespace."
        advice  "Look the object up again and check namespace and Windows version.";
    0x8033_8014 "endpoint-unavailable" "ERROR_WSMAN_ENDPOINT_UNAVAILABLE" BackOff
        meaning "The service behind the address is not available just now."
        cause   "The WinRM service or the provider is starting, stopping or overloaded."
        advice  "Wait and try again; check the WinRM service if it lasts for minutes.";
    0x8033_8015 "invalid-representation" "ERROR_WSMAN_INVALID_REPRESENTATION" Never
        meaning "The object sent to be written does not match its class."
        cause   "A property is missing, unknown or of the wrong type for this Windows version."
        advice  "Compare the input with `refpoint cim describe CLASS`.";
    0x8033_8018 "enumerate-filtering-not-supported" "ERROR_WSMAN_ENUMERATE_FILTERING_NOT_SUPPORTED" Never
        meaning "This resource cannot be listed with a filter."
        cause   "The resource is not a WMI namespace that takes queries."
        advice  "List it without a filter and select on this side.";
    0x8033_8019 "filter-dialect-requested-unavailable"
        "ERROR_WSMAN_FILTER_DIALECT_REQUESTED_UNAVAILABLE" Never
        meaning "The host does not know the query language of the filter."
        cause   "The stack on the host speaks another dialect, as non-Windows stacks do."
        advice  "Check with `refpoint identify` that a Windows host answers; list without a filter \
                otherwise.";
    0x8033_801A "enumerate-cannot-process-filter" "ERROR_WSMAN_ENUMERATE_CANNOT_PROCESS_FILTER" Never
        meaning "The host cannot make sense of the query."
        cause   "A WQL syntax error, an unescaped quote or backslash, or WQL sent to a class instead of the \
                namespace."
        advice  "Correct the query; double each backslash inside a WQL string.";
    0x8033_801B "invalid-enumeration-context" "ERROR_WSMAN_INVALID_ENUMERATION_CONTEXT" Never
        meaning "The host no longer knows this listing."
        cause   "It expired between two pages, ended already, or WinRM was restarted."
        advice  "Start the listing again from the beginning.";
    0x8033_801C "enumerate-timed-out" "ERROR_WSMAN_ENUMERATE_TIMED_OUT" BackOff
        meaning "The host gave up while preparing the listing."
        cause   "A slow provider: many machines, or a host under load."
        advice  "Ask again later, with a narrower query or a longer `--operation-timeout`.";
    0x8033_8027 "invalid-soap-body" "ERROR_WSMAN_INVALID_SOAP_BODY" Never
        meaning "The body of the request is not what the operation expects."
        cause   "A gateway changed the message, or a defect in this program."
        advice  "Repeat with `--dump` and report it as a bug.";
    0x8033_8029 "operation-timed-out" "ERROR_WSMAN_OPERATION_TIMEDOUT" PollAgain
        meaning "The time allowed for one request ran out; nothing is known to have failed."
        cause   "The work takes longer than the operation time-out. A method that was invoked goes on \
                running on the host."
        advice  "Reading and waiting simply continue. After a method call look for its job with `refpoint \
                job list` before doing it again.";
    0x8033_802C "unsupported-encoding" "ERROR_WSMAN_UNSUPPORTED_ENCODING" Never
        meaning "The host cannot read the character encoding of the message."
        cause   "A proxy or gateway re-encoded the request."
        advice  "Leave out the proxy; if there is none, report it with `--dump`.";
    0x8033_802D "uri-limit" "ERROR_WSMAN_URI_LIMIT" Never
        meaning "The resource URI is longer than the host allows."
        cause   "An unusually long namespace or class name."
        advice  "Shorten what was given on the command line.";
    0x8033_802F "invalid-batch-parameter" "ERROR_WSMAN_INVALID_BATCH_PARAMETER" Never
        meaning "The page size or time asked for in a listing is not acceptable."
        cause   "The request went past the host's MaxBatchItems or gave a zero."
        advice  "Ask for smaller pages; see MaxBatchItems in `winrm get winrm/config` on the host.";
    0x8033_8032 "concurrency" "ERROR_WSMAN_CONCURRENCY" BackOff
        meaning "The host refused the request because a conflicting one is being worked on."
        cause   "Something else is using the same resource at this moment. Nothing was started."
        advice  "It is tried again by itself; lower the number of parallel requests to this host if it \
                persists.";
    0x8033_8035 "encoding-limit" "ERROR_WSMAN_ENCODING_LIMIT" Never
        meaning "The message goes past a size or encoding limit of the host."
        cause   "A large parameter, a small MaxEnvelopeSizekb, or a character the host refuses."
        advice  "Read the detail of the fault; use smaller pages or fewer disks in one call.";
    0x8033_8036 "failed-authentication" "ERROR_WSMAN_FAILED_AUTHENTICATION" Reauthenticate
        meaning "The login was not accepted."
        cause   "Wrong password, expired account, clock difference, wrong service name, or a login that its \
                connection lost."
        advice  "One new login is tried. Then check user, clock and service name with `refpoint doctor`.";
    0x8033_8039 "invalid-options" "ERROR_WSMAN_INVALID_OPTIONS" Never
        meaning "An option of the request is not acceptable."
        cause   "The provider does not know the option or its value."
        advice  "Leave out options given by hand; otherwise report it with `--dump`.";
    0x8033_803A "invalid-parameter" "ERROR_WSMAN_INVALID_PARAMETER" Never
        meaning "A parameter of the request is not acceptable."
        cause   "A value that does not fit the method or header that it was sent in."
        advice  "Check the parameters with `refpoint cim describe`; look at the detail of the fault.";
    0x8033_803B "invalid-resource-uri" "ERROR_WSMAN_INVALID_RESOURCE_URI" Never
        meaning "The resource URI is missing or not valid."
        cause   "A wrong namespace or class, or a class the service does not expose."
        advice  "Correct `--namespace` or the class name.";
    0x8033_803D "invalid-selectors" "ERROR_WSMAN_INVALID_SELECTORS" Never
        meaning "The keys that name the object are not right."
        cause   "A missing, unknown or mistyped key."
        advice  "Look at the key list with `refpoint cim describe CLASS`.";
    0x8033_803F "quota-limit" "ERROR_WSMAN_QUOTA_LIMIT" BackOff
        meaning "The host refused the request because a WinRM quota is used up. Nothing was started."
        cause   "Too many parallel requests by this account, from here or from other tools."
        advice  "Lower the concurrency, wait and try again; look for other tools that use the same account.";
    0x8033_8041 "schema-validation-error" "ERROR_WSMAN_SCHEMA_VALIDATION_ERROR" Never
        meaning "The body of the request does not fit the shape of the method or operation."
        cause   "A reference wrapped in the wrong element, or an embedded object sent as elements instead of \
                text."
        advice  "This is a defect on our side: repeat with `--dump` and report it.";
    0x8033_8042 "unsupported-feature" "ERROR_WSMAN_UNSUPPORTED_FEATURE" Never
        meaning "The host does not offer a feature that the request asks for."
        cause   "An older or foreign WS-Management stack."
        advice  "Read the detail of the fault and check with `refpoint identify` who answers.";
    0x8033_8043 "invalid-xml" "ERROR_WSMAN_INVALID_XML" Never
        meaning "The host received text that is not well-formed XML."
        cause   "An unescaped character, or a gateway that cut the message."
        advice  "Repeat without a proxy; report it with `--dump`.";
    0x8033_8044 "invalid-key" "ERROR_WSMAN_INVALID_KEY" Never
        meaning "A key in the request is not valid."
        cause   "A key with an empty or impossible value."
        advice  "Look the object up again and use the identifier as it is listed.";
    0x8033_8047 "max-envelope-size" "ERROR_WSMAN_MAX_ENVELOPE_SIZE" Never
        meaning "The request is larger than the host accepts."
        cause   "Long parameters together go past the host's MaxEnvelopeSizekb."
        advice  "Send less in one call (fewer disks), or raise MaxEnvelopeSizekb on the host.";
    0x8033_8048 "max-envelope-size-exceeded" "ERROR_WSMAN_MAX_ENVELOPE_SIZE_EXCEEDED" Never
        meaning "The answer would be larger than the allowed message size."
        cause   "A page with very many or very large objects. A method may have been carried out although \
                its answer did not fit."
        advice  "Ask for smaller pages. After a method call look for its job or result before calling \
                again.";
    0x8033_8049 "server-envelope-limit" "ERROR_WSMAN_SERVER_ENVELOPE_LIMIT" Never
        meaning "The message goes past the envelope size that the host is set to."
        cause   "MaxEnvelopeSizekb on the host is small for this work."
        advice  "Use smaller pages or raise MaxEnvelopeSizekb on the host.";
    0x8033_804A "selector-limit" "ERROR_WSMAN_SELECTOR_LIMIT" Never
        meaning "The request names more keys than the host allows."
        cause   "A reference with unusually many or long keys."
        advice  "Name the object by its key properties only.";
    0x8033_804B "option-limit" "ERROR_WSMAN_OPTION_LIMIT" Never
        meaning "The request carries more options than the host allows."
        cause   "Too many options were given."
        advice  "Leave out options that are not needed.";
    0x8033_804F "filtering-required" "ERROR_WSMAN_FILTERING_REQUIRED" Never
        meaning "This resource can only be listed with a filter."
        cause   "The provider refuses to list everything."
        advice  "Give a query with a WHERE clause.";
    0x8033_8051 "options-not-supported" "ERROR_WSMAN_OPTIONS_NOT_SUPPORTED" Never
        meaning "The resource does not take options."
        cause   "Options were sent to a provider that has none."
        advice  "Leave out the options.";
    0x8033_8052 "options-invalid-name" "ERROR_WSMAN_OPTIONS_INVALID_NAME" Never
        meaning "An option has a name that the resource does not know."
        cause   "A spelling error, or an option of a newer Windows version."
        advice  "Correct or leave out the option.";
    0x8033_8053 "options-invalid-value" "ERROR_WSMAN_OPTIONS_INVALID_VALUE" Never
        meaning "An option has a value that the resource refuses."
        cause   "The value has the wrong type or range."
        advice  "Correct the value of the option.";
    0x8033_8054 "parameter-type-mismatch" "ERROR_WSMAN_PARAMETER_TYPE_MISMATCH" Never
        meaning "A parameter has the wrong type for this method."
        cause   "A number where a text or reference belongs, or the other way round."
        advice  "Compare with the method's signature in `refpoint cim describe CLASS`.";
    0x8033_8055 "invalid-parameter-name" "ERROR_WSMAN_INVALID_PARAMETER_NAME" Never
        meaning "The method has no parameter with this name."
        cause   "A spelling error, or the host is older than the parameter."
        advice  "Check the name with `refpoint cim describe CLASS` and the host's Windows version.";
    0x8033_8056 "invalid-xml-values" "ERROR_WSMAN_INVALID_XML_VALUES" Never
        meaning "A value in the body does not fit its property or parameter."
        cause   "A malformed number, date or boolean."
        advice  "Correct the value; `refpoint cim describe CLASS` shows the type.";
    0x8033_8057 "invalid-xml-missing-values" "ERROR_WSMAN_INVALID_XML_MISSING_VALUES" Never
        meaning "The body lacks a value that is required."
        cause   "A required parameter or property was left out."
        advice  "Add the missing value; `refpoint cim describe CLASS` shows what is required.";
    0x8033_8058 "invalid-xml-namespace" "ERROR_WSMAN_INVALID_XML_NAMESPACE" Never
        meaning "The XML namespace of the body is not that of the class in the URI."
        cause   "Body and resource name different classes, which is a defect on our side."
        advice  "Repeat with `--dump` and report it.";
    0x8033_8059 "invalid-xml-fragment" "ERROR_WSMAN_INVALID_XML_FRAGMENT" Never
        meaning "A part of the object that was addressed does not exist or is malformed."
        cause   "A fragment request with a wrong path."
        advice  "Read the whole object instead.";
    0x8033_805A "insufficient-selectors" "ERROR_WSMAN_INSUFFCIENT_SELECTORS" Never
        meaning "Keys are missing: the request does not name one single object."
        cause   "The class has more key properties than were given."
        advice  "Give all keys that `refpoint cim describe CLASS` marks.";
    0x8033_805B "unexpected-selectors" "ERROR_WSMAN_UNEXPECTED_SELECTORS" Never
        meaning "The request names a key that the class does not have."
        cause   "A property that is no key was used to name the object, or keys were sent with a query."
        advice  "Use only the properties that `refpoint cim describe CLASS` marks as key.";
    0x8033_805C "selector-type-mismatch" "ERROR_WSMAN_SELECTOR_TYPEMISMATCH" Never
        meaning "A key value has the wrong type."
        cause   "A text where a number belongs, or the other way round."
        advice  "Look the object up again and copy its keys.";
    0x8033_805D "invalid-selector-value" "ERROR_WSMAN_INVALID_SELECTOR_VALUE" Never
        meaning "A key value is not acceptable."
        cause   "A malformed identifier, or one that was cut or changed."
        advice  "Look the object up again and copy its keys exactly.";
    0x8033_805F "duplicate-selectors" "ERROR_WSMAN_DUPLICATE_SELECTORS" Never
        meaning "The same key was given twice."
        cause   "A key appears more than once in the request."
        advice  "Give each key once.";
    0x8033_8063 "target-already-exists" "ERROR_WSMAN_TARGET_ALREADY_EXISTS" Never
        meaning "An object with these keys exists already."
        cause   "It was created before, perhaps by an earlier attempt whose answer got lost."
        advice  "List what exists and use it, or choose another name.";
    0x8033_8066 "operation-timeout-not-supported" "ERROR_WSMAN_OPERATION_TIMEOUT_NOT_SUPPORTED" Never
        meaning "The host cannot work with an operation time-out."
        cause   "A foreign or very small WS-Management stack."
        advice  "Leave out `--operation-timeout`; check with `refpoint identify` who answers.";
    0x8033_8067 "locale-not-supported" "ERROR_WSMAN_LOCALE_NOT_SUPPORTED" Never
        meaning "The host has no texts in the language that was asked for."
        cause   "The language pack is not installed there."
        advice  "Nothing is wrong with the work itself; use the default language.";
    0x8033_8077 "fragment-transfer-not-supported" "ERROR_WSMAN_FRAGMENT_TRANSFER_NOT_SUPPORTED" Never
        meaning "The host cannot read or write parts of an object."
        cause   "The provider offers whole objects only."
        advice  "Read the whole object instead.";
    0x8033_8078 "enumeration-initializing" "ERROR_WSMAN_ENUMERATION_INITIALIZING" BackOff
        meaning "The listing is still being prepared."
        cause   "The provider has not finished its first answer."
        advice  "Wait a moment; the page is asked for again.";
    0x8033_807E "min-envelope-size" "ERROR_WSMAN_MIN_ENVELOPE_SIZE" Never
        meaning "The message size limit that was asked for is too small."
        cause   "The request allows answers below the minimum of 8192 bytes."
        advice  "Do not set a smaller envelope size.";
    0x8033_807F "epr-nesting-exceeded" "ERROR_WSMAN_EPR_NESTING_EXCEEDED" Never
        meaning "References are nested deeper than the host allows."
        cause   "A reference contains a reference that contains another one."
        advice  "Report it as a bug with `--dump`.";
    0x8033_8081 "invalid-timeout-header" "ERROR_WSMAN_INVALID_TIMEOUT_HEADER" Never
        meaning "The operation time-out is not a valid duration."
        cause   "A zero, negative or malformed time-out."
        advice  "Correct `--operation-timeout`; 60s is the usual value.";
    0x8033_8083 "plugin-failed" "ERROR_WSMAN_PLUGIN_FAILED" BackOff
        meaning "The WinRM plug-in that serves this resource failed."
        cause   "The plug-in crashed or is restarting on the host."
        advice  "Read-only requests are repeated. If it stays, see the Windows Remote Management log on the \
                host.";
    0x8033_8084 "enumeration-invalid" "ERROR_WSMAN_ENUMERATION_INVALID" Never
        meaning "The listing is no longer valid."
        cause   "It was released or went wrong on the host."
        advice  "Start the listing again from the beginning.";
    0x8033_8087 "must-understand-on-locale-unsupported"
        "ERROR_WSMAN_MUSTUNDERSTAND_ON_LOCALE_UNSUPPORTED" Never
        meaning "The host cannot promise the language that the request insists on."
        cause   "The language header was marked as mandatory."
        advice  "Report it as a bug with `--dump`.";
    0x8033_809D "security-unmapped" "ERROR_WSMAN_SECURITY_UNMAPPED" Never
        meaning "WinRM met a security error for which it has no name of its own."
        cause   "A login or authorisation problem between WinRM and Windows."
        advice  "Look at the Security and Windows Remote Management logs of the host at that time.";
    0x8033_80DE "client-unencrypted-disabled" "ERROR_WSMAN_CLIENT_UNENCRYPTED_DISABLED" Never
        meaning "Unencrypted traffic is switched off, and the message was not encrypted."
        cause   "A login without message encryption over http, for instance Basic."
        advice  "Use Negotiate or Kerberos, or https. Do not switch AllowUnencrypted on.";
    0x8033_80E4 "server-not-trusted" "ERROR_WSMAN_SERVER_NOT_TRUSTED" Never
        meaning "A Windows client does not trust the host for this kind of login."
        cause   "The host is not in TrustedHosts and neither Kerberos nor https proves who it is."
        advice  "This is a message of Windows' own client: use Kerberos with the full host name, or https.";
    0x8033_80EF "response-no-results" "ERROR_WSMAN_RESPONSE_NO_RESULTS" BackOff
        meaning "The answer holds no results."
        cause   "Often a wrong port, or a proxy that answers in the host's place."
        advice  "Check address, port and proxy, then try `refpoint identify`.";
    0x8033_80F5 "http-no-response-data" "ERROR_WSMAN_HTTP_NO_RESPONSE_DATA" BackOff
        meaning "The HTTP answer came without content."
        cause   "The service was stopping, or a middlebox dropped the body."
        advice  "Read-only requests are repeated; if it stays, check the WinRM service and any proxy.";
    0x8033_80F7 "http-invalid-content-type-in-response-data"
        "ERROR_WSMAN_HTTP_INVALID_CONTENT_TYPE_IN_RESPONSE_DATA" Never
        meaning "The answer is not a SOAP message."
        cause   "A web server, a proxy page or a login portal answered."
        advice  "Check address, port, path and proxy.";
    0x8033_80F8 "http-content-type-mismatch-response-data"
        "ERROR_WSMAN_HTTP_CONTENT_TYPE_MISSMATCH_RESPONSE_DATA" Never
        meaning "The answer has another content type than its content."
        cause   "A web server or gateway stands between, often with an HTML error page."
        advice  "Check address, port, path and proxy.";
    0x8033_80FA "invalid-uri-wmi-singleton" "ERROR_WSMAN_INVALID_URI_WMI_SINGLETON" Never
        meaning "The class has many objects, but the request names none of them."
        cause   "The keys of the object are missing."
        advice  "Give the keys, or list the class.";
    0x8033_80FB "invalid-uri-wmi-enum-wql" "ERROR_WSMAN_INVALID_URI_WMI_ENUM_WQL" Never
        meaning "A query has to be sent to the whole namespace, not to a class or object."
        cause   "WQL was combined with a class or with keys in the URI."
        advice  "Send queries to the namespace with `*` for the class; `refpoint cim query` does so.";
    0x8033_80FF "non-pull-subscription-not-supported" "ERROR_WSMAN_NON_PULL_SUBSCRIPTION_NOT_SUPPORTED" Never
        meaning "This resource can only be watched by fetching events."
        cause   "A delivery by push was asked for."
        advice  "Use a pull subscription, as `refpoint cim watch` does.";
    0x8033_8100 "wmi-max-nested" "ERROR_WSMAN_WMI_MAX_NESTED" Never
        meaning "Embedded objects are nested deeper than WinRM carries."
        cause   "A property holds objects inside objects."
        advice  "Read the embedded part on its own, or select fewer properties.";
    0x8033_8101 "remote-cim-path-not-supported" "ERROR_WSMAN_REMOTE_CIMPATH_NOT_SUPPORTED" Never
        meaning "The object path names another machine than the one that was asked."
        cause   "A reference with a host part was passed on."
        advice  "Connect to the machine that the path names.";
    0x8033_8102 "wmi-provider-not-capable" "ERROR_WSMAN_WMI_PROVIDER_NOT_CAPABLE" Never
        meaning "The WMI provider does not offer this operation."
        cause   "For instance writing or deleting objects that only methods can change."
        advice  "Use the method that the class offers for it.";
    0x8033_8103 "wmi-invalid-value" "ERROR_WSMAN_WMI_INVALID_VALUE" Never
        meaning "WMI refused a value in the request."
        cause   "A value out of range or in the wrong form."
        advice  "Check the value against `refpoint cim describe CLASS`.";
    0x8033_8104 "wmi-svc-access-denied" "ERROR_WSMAN_WMI_SVC_ACCESS_DENIED" Never
        meaning "WMI refused access to the namespace."
        cause   "The account lacks Enable Account or Remote Enable on the namespace."
        advice  "Grant both rights under WMI Control, Security, root/virtualization/v2, or use a Hyper-V \
                administrator.";
    0x8033_8105 "wmi-provider-access-denied" "ERROR_WSMAN_WMI_PROVIDER_ACCESS_DENIED" Never
        meaning "The WMI provider refused access."
        cause   "The account may read the namespace but is no Hyper-V administrator."
        advice  "Put the account into the host's Hyper-V Administrators group.";
    0x8033_8106 "wmi-cannot-connect-access-denied" "ERROR_WSMAN_WMI_CANNOT_CONNECT_ACCESS_DENIED" Never
        meaning "WinRM may not connect to WMI for this account."
        cause   "Missing WMI rights, or a local account whose rights UAC cuts down."
        advice  "Check WMI namespace rights; for local accounts see LocalAccountTokenFilterPolicy or use a \
                domain account.";
    0x8033_8107 "invalid-filter-xml" "ERROR_WSMAN_INVALID_FILTER_XML" Never
        meaning "The filter in the request is malformed."
        cause   "The filter element is not in the shape that its dialect asks for."
        advice  "Report it as a bug with `--dump`.";
    0x8033_8108 "enumerate-wmi-invalid-key" "ERROR_WSMAN_ENUMERATE_WMI_INVALID_KEY" Never
        meaning "Keys were sent with a listing, which takes none."
        cause   "The request names one object and asks for all of them."
        advice  "Leave out the keys, or read that one object.";
    0x8033_810A "invalid-characters-in-response" "ERROR_WSMAN_INVALID_CHARACTERS_IN_RESPONSE" Never
        meaning "The host's data contain characters that XML cannot carry."
        cause   "Control characters in a name, a note or another text of an object."
        advice  "Find the object by listing in smaller parts or fewer properties and clean its text on the \
                host.";
    0x8033_810B "kerberos-ip-address" "ERROR_WSMAN_KERBEROS_IPADDRESS" Never
        meaning "Kerberos cannot be used with an IP address."
        cause   "The target was given as a number, so there is no service name to ask a ticket for."
        advice  "Use the full host name, or `--spn-host`.";
    0x8033_810F "unknown-http-status-returned" "ERROR_WSMAN_UNKNOWN_HTTP_STATUS_RETURNED" Never
        meaning "The HTTP answer has a status that WinRM does not use."
        cause   "A proxy, load balancer or other web server answered."
        advice  "Check address, port and proxy.";
    0x8033_8110 "unsupported-http-status-redirect" "ERROR_WSMAN_UNSUPPORTED_HTTP_STATUS_REDIRECT" Never
        meaning "The host answered with a redirect, which is not followed."
        cause   "A web server or gateway stands in front of the host."
        advice  "Give the final address as the target, if you trust it.";
    0x8033_8111 "http-request-too-large-status" "ERROR_WSMAN_HTTP_REQUEST_TOO_LARGE_STATUS" Never
        meaning "The HTTP layer refused the request as too large (413)."
        cause   "The message is above the host's MaxEnvelopeSizekb."
        advice  "Send less in one call, or raise MaxEnvelopeSizekb on the host.";
    0x8033_8112 "http-service-unavailable-status" "ERROR_WSMAN_HTTP_SERVICE_UNAVAILABLE_STATUS" BackOff
        meaning "The HTTP layer answers that the service is unavailable (503)."
        cause   "WinRM is stopping, restarting or overloaded."
        advice  "Wait and try again; check the WinRM service if it stays.";
    0x8033_8113 "http-not-found-status" "ERROR_WSMAN_HTTP_NOT_FOUND_STATUS" Never
        meaning "There is no WinRM service at this path (404)."
        cause   "Wrong path or port, or another web server on it."
        advice  "Use the default path /wsman and check the listener with `winrm enumerate \
                winrm/config/listener`.";
    0x8033_8114 "eventing-missing-locale-in-delivery" "ERROR_WSMAN_EVENTING_MISSING_LOCALE_IN_DELIVERY" Never
        meaning "The subscription lacks the language for its events."
        cause   "An incomplete subscription request."
        advice  "Report it as a bug with `--dump`.";
    0x8033_8118 "invalid-selector-name" "ERROR_WSMAN_INVALID_SELECTOR_NAME" Never
        meaning "A key has a name that is not valid."
        cause   "A spelling error in the name of a key."
        advice  "Check the key names with `refpoint cim describe CLASS`.";
    0x8033_8119 "encoding-type" "ERROR_WSMAN_ENCODING_TYPE" Never
        meaning "The host does not support the text encoding that was asked for."
        cause   "Neither UTF-8 nor UTF-16 was agreed on, usually through a gateway."
        advice  "Connect without the gateway; report it with `--dump`.";
    0x8033_811D "max-elements-not-supported" "ERROR_WSMAN_MAX_ELEMENTS_NOT_SUPPORTED" Never
        meaning "The host cannot limit the number of objects in a page."
        cause   "A foreign or limited WS-Management stack."
        advice  "Check with `refpoint identify` who answers; ask for single objects.";
    0x8033_8126 "network-timed-out" "ERROR_WSMAN_NETWORK_TIMEDOUT" BackOff
        meaning "The host did not answer in time."
        cause   "The host is down, a firewall drops packets, or the network is slow."
        advice  "Check that the WinRM port (5985 or 5986) can be reached; read-only requests are repeated.";
    0x8033_8137 "polymorphism-mode-unsupported" "ERROR_WSMAN_POLYMORPHISM_MODE_UNSUPPORTED" Never
        meaning "The host cannot treat subclasses in the way that was asked."
        cause   "A listing asked for base-class or derived views that this stack lacks."
        advice  "List the class itself without that setting.";
    0x8033_8139 "uri-non-dmtf-class" "ERROR_WSMAN_URI_NON_DMTF_CLASS" Never
        meaning "The DMTF form of the URI was used for a class that is not a DMTF one."
        cause   "A vendor class such as Msvm_* was addressed as a CIM_* class."
        advice  "Name the class with the namespace root/virtualization/v2.";
    0x8033_813A "uri-wrong-dmtf-version" "ERROR_WSMAN_URI_WRONG_DMTF_VERSION" Never
        meaning "The URI names a version of the DMTF schema that the host does not serve."
        cause   "The version number in the URI is wrong."
        advice  "Use version 2 of the schema, or the Microsoft form of the URI.";
    0x8033_813B "different-cim-selector" "ERROR_WSMAN_DIFFERENT_CIM_SELECTOR" Never
        meaning "The URI and the __cimnamespace key name different namespaces."
        cause   "Both were given and contradict each other."
        advice  "Leave out the __cimnamespace key.";
    0x8033_8169 "public-firewall-profile-active" "ERROR_WSMAN_PUBLIC_FIREWALL_PROFILE_ACTIVE" Never
        meaning "WinRM does not open its firewall rule while a network is marked public."
        cause   "A network card of the host is in the public profile."
        advice  "Set that network to private or domain on the host, then run `winrm quickconfig`.";
    0x8033_816D "invalid-provider-response" "ERROR_WSMAN_INVALID_PROVIDER_RESPONSE" BackOff
        meaning "The provider gave WinRM an answer that makes no sense."
        cause   "A provider that was restarting or is defective."
        advice  "Read-only requests are repeated. If it stays, restart WMI and look at the WMI-Activity \
                log.";
    0x8033_8170 "http-status-server-error" "ERROR_WSMAN_HTTP_STATUS_SERVER_ERROR" BackOff
        meaning "The HTTP layer answered with a server error that carries no details."
        cause   "An overloaded or restarting service, or a gateway."
        advice  "Read-only requests are repeated; if it stays, check the host's WinRM log.";
    0x8033_8171 "http-status-bad-request" "ERROR_WSMAN_HTTP_STATUS_BAD_REQUEST" Never
        meaning "The HTTP layer refused the request as malformed (400)."
        cause   "A proxy changed it, http was sent to an https port, or a login token was too large."
        advice  "Check scheme, port and proxy; large Kerberos tickets need a larger MaxTokenSize and header \
                limit.";
    0x8033_8199 "redirect-requested" "ERROR_WSMAN_REDIRECT_REQUESTED" Never
        meaning "The host asks to use another address."
        cause   "The endpoint has moved, as with cloud or load-balanced services."
        advice  "Check the address that is shown and use it as the target if you trust it.";
    0x8033_81A5 "quota-max-shells" "ERROR_WSMAN_QUOTA_MAX_SHELLS" BackOff
        meaning "The account has as many shells open as it may. Nothing was started."
        cause   "Other tools with the same account hold shells (MaxShellsPerUser)."
        advice  "Wait or close other sessions; use an account of its own for this program.";
    0x8033_81A6 "quota-max-operations" "ERROR_WSMAN_QUOTA_MAX_OPERATIONS" BackOff
        meaning "The account has as many operations running as it may. Nothing was started."
        cause   "Too many parallel requests, or listings that others left open \
                (MaxConcurrentOperationsPerUser)."
        advice  "Lower the concurrency and wait; abandoned listings end after some minutes.";
    0x8033_81A7 "quota-user" "ERROR_WSMAN_QUOTA_USER" BackOff
        meaning "The account has used up its WinRM quota. Nothing was started."
        cause   "Too many requests in a short time by this account, from all clients together."
        advice  "Lower the concurrency and wait; use an account of its own for this program.";
    0x8033_81A8 "quota-system" "ERROR_WSMAN_QUOTA_SYSTEM" BackOff
        meaning "The WinRM service as a whole is at its limit. Nothing was started."
        cause   "All clients together ask too much of this host."
        advice  "Wait; spread monitoring and backup tools over time.";
    0x8033_81A9 "different-authz-token" "ERROR_WSMAN_DIFFERENT_AUTHZ_TOKEN" Never
        meaning "An operation was continued by another user than the one who began it."
        cause   "The login changed between two pages or calls."
        advice  "Start the operation again under one account.";
    0x8033_81AB "quota-max-shellusers" "ERROR_WSMAN_QUOTA_MAX_SHELLUSERS" BackOff
        meaning "As many users have shells open as the host allows. Nothing was started."
        cause   "MaxConcurrentUsers is reached by other people's sessions."
        advice  "Wait or have unused sessions closed.";
    0x8033_81AD "pull-params-not-same-as-enum" "ERROR_WSMAN_PULL_PARAMS_NOT_SAME_AS_ENUM" Never
        meaning "A page was asked for with other settings than its listing."
        cause   "Settings that must stay the same changed between two pages."
        advice  "Start the listing again; report it with `--dump` if it repeats.";
    0x8033_81B9 "name-not-resolved" "ERROR_WSMAN_NAME_NOT_RESOLVED" BackOff
        meaning "The host name could not be turned into an address."
        cause   "A spelling error, a missing DNS record, or DNS that is down."
        advice  "Check the name with `getent hosts NAME` and the DNS servers.";
    0x8033_81BA "ssl-connection-aborted" "ERROR_WSMAN_SSL_CONNECTION_ABORTED" BackOff
        meaning "The TLS connection was cut."
        cause   "The host restarted its service, or both sides found no common TLS settings."
        advice  "Try again; if it stays, check the certificate and TLS versions with `refpoint doctor`.";
    0x8033_81BB "default-auth-ip-address" "ERROR_WSMAN_DEFAULTAUTH_IPADDRESS" Never
        meaning "The default login cannot be used with an IP address."
        cause   "Without a name there is neither Kerberos nor another proof of who the host is."
        advice  "Use the host name, or give a user and https.";
    0x8033_81DC "semantic-callback-timed-out" "ERROR_WSMAN_SEMANTICCALLBACK_TIMEDOUT" Never
        meaning "A plug-in did not report back to WinRM in time."
        cause   "The plug-in hangs or its client has gone."
        advice  "See the Windows Remote Management log; restart WinRM if it repeats.";
    0x8033_81DD "service-remote-access-disabled" "ERROR_WSMAN_SERVICE_REMOTE_ACCESS_DISABLED" Never
        meaning "Remote access is switched off for this resource."
        cause   "The endpoint on the host allows local use only."
        advice  "Enable remote access on the host, for instance with Enable-PSRemoting or `winrm \
                quickconfig`.";
    0x8033_81DE "service-stream-disconnected" "ERROR_WSMAN_SERVICE_STREAM_DISCONNECTED" Reauthenticate
        meaning "The service closed the data stream of this operation."
        cause   "The connection or the service was interrupted while the operation ran."
        advice  "The connection is opened again once. After a method call look for its job before calling \
                again.";
    0x8033_81E3 "remote-connection-not-allowed" "ERROR_WSMAN_REMOTE_CONNECTION_NOT_ALLOWED" Never
        meaning "The host does not allow remote connections to this endpoint."
        cause   "A policy or setting restricts it to local callers."
        advice  "Check the group policies for WinRM and the endpoint's permissions.";
    0x8033_81E4 "quota-max-shells-ppq" "ERROR_WSMAN_QUOTA_MAX_SHELLS_PPQ" BackOff
        meaning "The plug-in has as many shells open as it may. Nothing was started."
        cause   "The per-plug-in limit for shells is reached by this or another tool."
        advice  "Wait, or raise the plug-in's quota on the host.";
    0x8033_81E5 "quota-max-users-ppq" "ERROR_WSMAN_QUOTA_MAX_USERS_PPQ" BackOff
        meaning "The plug-in serves as many users as it may. Nothing was started."
        cause   "The per-plug-in limit for users is reached."
        advice  "Wait, or raise the plug-in's quota on the host.";
    0x8033_81E6 "quota-max-pluginshells-ppq" "ERROR_WSMAN_QUOTA_MAX_PLUGINSHELLS_PPQ" BackOff
        meaning "All users together hold as many shells of this plug-in as allowed. Nothing was started."
        cause   "The total limit for shells of the plug-in is reached."
        advice  "Wait, close unused sessions, or raise the plug-in's quota.";
    0x8033_81E7 "quota-max-pluginoperations-ppq" "ERROR_WSMAN_QUOTA_MAX_PLUGINOPERATIONS_PPQ" BackOff
        meaning "The plug-in has as many operations running as it may. Nothing was started."
        cause   "All clients together are at the plug-in's limit."
        advice  "Lower the concurrency and wait, or raise the plug-in's quota.";
    0x8033_81E8 "quota-max-operations-user-ppq" "ERROR_WSMAN_QUOTA_MAX_OPERATIONS_USER_PPQ" BackOff
        meaning "This account has as many operations of the plug-in running as it may. Nothing was started."
        cause   "Too many parallel requests by this account."
        advice  "Lower the concurrency and wait.";
    0x8033_81E9 "quota-max-commands-per-shell-ppq" "ERROR_WSMAN_QUOTA_MAX_COMMANDS_PER_SHELL_PPQ" BackOff
        meaning "The shell runs as many commands as it may. Nothing was started."
        cause   "The per-shell limit of the plug-in is reached."
        advice  "Wait until commands end, or use another shell.";
    0x8033_81EA "quota-min-requirement-not-available-ppq"
        "ERROR_WSMAN_QUOTA_MIN_REQUIREMENT_NOT_AVAILABLE_PPQ" BackOff
        meaning "The plug-in cannot have the resources that it needs at least. Nothing was started."
        cause   "The host is short of memory or other resources for the plug-in."
        advice  "Wait; check memory and load of the host.";
    0x8033_81EC "deserialize-class" "ERROR_WSMAN_DESERIALIZE_CLASS" Never
        meaning "The description of a class could not be read."
        cause   "The class definition on the wire is damaged or of an unknown form."
        advice  "Use the bundled description with `refpoint cim describe`, and report it with `--dump`.";
    0x8033_81ED "get-class" "ERROR_WSMAN_GETCLASS" Never
        meaning "The description of a class could not be fetched."
        cause   "The class does not exist there, or the host does not hand out class definitions."
        advice  "Check namespace and class; use `refpoint cim describe` for the bundled description.";
    0x8033_81F0 "mutual-auth-failed" "ERROR_WSMAN_MUTUAL_AUTH_FAILED" Never
        meaning "The host could not prove who it is."
        cause   "The service name belongs to another account, or somebody stands in between."
        advice  "Check the service name and DNS; do not go on until this is explained.";
    0x8033_81F1 "unsupported-octet-type" "ERROR_WSMAN_UNSUPPORTED_OCTETTYPE" Never
        meaning "A byte array has a form that WinRM does not carry."
        cause   "A property or parameter of an unusual binary type."
        advice  "Leave that property out of the request.";
    0x8033_81F6 "missing-class-name" "ERROR_WSMAN_MISSING_CLASSNAME" Never
        meaning "An object in the request does not say of which class it is."
        cause   "The class name is missing from an embedded object or reference."
        advice  "Report it as a bug with `--dump`.";
    0x8033_81F7 "eventing-invalid-encoding-in-delivery"
        "ERROR_WSMAN_EVENTING_INVALID_ENCODING_IN_DELIVERY" Never
        meaning "The subscription asks for events in an encoding that the host does not offer."
        cause   "An encoding other than UTF-8 or UTF-16."
        advice  "Report it as a bug with `--dump`.";
};

#[cfg(test)]
mod tests {
    use super::super::code::tests::assert_sound;
    use super::super::{Retry, wbem};
    use super::*;

    #[test]
    fn the_table_is_sound() {
        assert_sound(CODES);
    }

    #[test]
    fn the_table_holds_exactly_the_documented_numbers() {
        const DOCUMENTED: &[u32] = &[
            2_150_858_752,
            2_150_858_753,
            2_150_858_754,
            2_150_858_755,
            2_150_858_758,
            2_150_858_759,
            2_150_858_760,
            2_150_858_762,
            2_150_858_764,
            2_150_858_765,
            2_150_858_767,
            2_150_858_768,
            2_150_858_769,
            2_150_858_770,
            2_150_858_772,
            2_150_858_773,
            2_150_858_776,
            2_150_858_777,
            2_150_858_778,
            2_150_858_779,
            2_150_858_780,
            2_150_858_791,
            2_150_858_793,
            2_150_858_796,
            2_150_858_797,
            2_150_858_799,
            2_150_858_802,
            2_150_858_805,
            2_150_858_806,
            2_150_858_809,
            2_150_858_810,
            2_150_858_811,
            2_150_858_813,
            2_150_858_815,
            2_150_858_817,
            2_150_858_818,
            2_150_858_819,
            2_150_858_820,
            2_150_858_823,
            2_150_858_824,
            2_150_858_825,
            2_150_858_826,
            2_150_858_827,
            2_150_858_831,
            2_150_858_833,
            2_150_858_834,
            2_150_858_835,
            2_150_858_836,
            2_150_858_837,
            2_150_858_838,
            2_150_858_839,
            2_150_858_840,
            2_150_858_841,
            2_150_858_842,
            2_150_858_843,
            2_150_858_844,
            2_150_858_845,
            2_150_858_847,
            2_150_858_851,
            2_150_858_854,
            2_150_858_855,
            2_150_858_871,
            2_150_858_872,
            2_150_858_878,
            2_150_858_879,
            2_150_858_881,
            2_150_858_883,
            2_150_858_884,
            2_150_858_887,
            2_150_858_909,
            2_150_858_974,
            2_150_858_980,
            2_150_858_991,
            2_150_858_997,
            2_150_858_999,
            2_150_859_000,
            2_150_859_002,
            2_150_859_003,
            2_150_859_007,
            2_150_859_008,
            2_150_859_009,
            2_150_859_010,
            2_150_859_011,
            2_150_859_012,
            2_150_859_013,
            2_150_859_014,
            2_150_859_015,
            2_150_859_016,
            2_150_859_018,
            2_150_859_019,
            2_150_859_023,
            2_150_859_024,
            2_150_859_025,
            2_150_859_026,
            2_150_859_027,
            2_150_859_028,
            2_150_859_032,
            2_150_859_033,
            2_150_859_037,
            2_150_859_046,
            2_150_859_063,
            2_150_859_065,
            2_150_859_066,
            2_150_859_067,
            2_150_859_113,
            2_150_859_117,
            2_150_859_120,
            2_150_859_121,
            2_150_859_161,
            2_150_859_173,
            2_150_859_174,
            2_150_859_175,
            2_150_859_176,
            2_150_859_177,
            2_150_859_179,
            2_150_859_181,
            2_150_859_193,
            2_150_859_194,
            2_150_859_195,
            2_150_859_228,
            2_150_859_229,
            2_150_859_230,
            2_150_859_235,
            2_150_859_236,
            2_150_859_237,
            2_150_859_238,
            2_150_859_239,
            2_150_859_240,
            2_150_859_241,
            2_150_859_242,
            2_150_859_244,
            2_150_859_245,
            2_150_859_248,
            2_150_859_249,
            2_150_859_254,
            2_150_859_255,
        ];
        let numbers: Vec<u32> = CODES.iter().map(|code| code.number).collect();
        assert_eq!(numbers, DOCUMENTED);
    }

    #[test]
    fn every_number_lies_in_the_range_of_winrm() {
        for code in CODES {
            assert!((0x8033_8000..0x8033_8200).contains(&code.number), "{:#x}", code.number);
            assert!(code.symbol.starts_with("ERROR_WSMAN_"), "{}", code.symbol);
        }
    }

    #[test]
    fn decimal_and_hexadecimal_spellings_agree_with_their_symbols() {
        let symbol = |number| wsman(number).map(|code| code.symbol);
        for (decimal, low, expected) in [
            (2_150_858_752, 0x000, "ERROR_WSMAN_RESOURCE_NOT_FOUND"),
            (2_150_858_772, 0x014, "ERROR_WSMAN_ENDPOINT_UNAVAILABLE"),
            (2_150_858_793, 0x029, "ERROR_WSMAN_OPERATION_TIMEDOUT"),
            (2_150_858_817, 0x041, "ERROR_WSMAN_SCHEMA_VALIDATION_ERROR"),
            (2_150_858_842, 0x05A, "ERROR_WSMAN_INSUFFCIENT_SELECTORS"),
            (2_150_858_991, 0x0EF, "ERROR_WSMAN_RESPONSE_NO_RESULTS"),
            (2_150_859_003, 0x0FB, "ERROR_WSMAN_INVALID_URI_WMI_ENUM_WQL"),
            (2_150_859_067, 0x13B, "ERROR_WSMAN_DIFFERENT_CIM_SELECTOR"),
            (2_150_859_174, 0x1A6, "ERROR_WSMAN_QUOTA_MAX_OPERATIONS"),
            (2_150_859_230, 0x1DE, "ERROR_WSMAN_SERVICE_STREAM_DISCONNECTED"),
            (2_150_859_242, 0x1EA, "ERROR_WSMAN_QUOTA_MIN_REQUIREMENT_NOT_AVAILABLE_PPQ"),
            (2_150_859_255, 0x1F7, "ERROR_WSMAN_EVENTING_INVALID_ENCODING_IN_DELIVERY"),
        ] {
            assert_eq!(0x8033_8000 + low, decimal, "{expected}");
            assert_eq!(symbol(decimal), Some(expected));
        }
    }

    #[test]
    fn the_quotas_are_those_that_windows_own_client_waits_for_and_the_general_one() {
        let expected =
            [0x03F, 0x1A5, 0x1A6, 0x1A7, 0x1A8, 0x1AB, 0x1E4, 0x1E5, 0x1E6, 0x1E7, 0x1E8, 0x1E9, 0x1EA]
                .map(|low| 0x8033_8000 + low);
        let quotas: Vec<u32> = CODES.iter().map(|code| code.number).filter(|&n| is_quota(n)).collect();
        assert_eq!(quotas, expected);
        for number in expected {
            assert!(proves_not_started(number), "{number:#x}");
            assert_eq!(wsman(number).map(|code| code.retry), Some(Retry::BackOff), "{number:#x}");
        }
    }

    #[test]
    fn a_quota_of_wmi_is_a_quota_but_proves_nothing() {
        let number = wbem(0x8004_106C).map(|code| code.number).expect("the table lists it");
        assert!(is_quota(number));
        assert!(!proves_not_started(number));
    }

    #[test]
    fn neither_a_timeout_nor_an_unavailable_endpoint_proves_that_a_method_was_not_started() {
        assert!(proves_not_started(0x8033_8032));
        for number in [0x8033_8029, 0x8033_8014, 0x8033_8112, 0x8033_8003, 0x8033_81DE, 0x8033_81A9, 5, 0] {
            assert!(!proves_not_started(number), "{number:#x}");
        }
    }

    #[test]
    fn every_code_that_proves_that_nothing_was_started_says_so_in_words() {
        for code in CODES.iter().filter(|code| proves_not_started(code.number)) {
            let words = format!("{} {}", code.meaning, code.cause);
            assert!(words.contains("Nothing was started."), "{}", code.symbol);
        }
    }

    #[test]
    fn a_timeout_asks_again_and_a_lost_login_logs_in_again() {
        assert_eq!(wsman(2_150_858_793).map(|code| code.retry), Some(Retry::PollAgain));
        assert_eq!(wsman(0x8033_8036).map(|code| code.retry), Some(Retry::Reauthenticate));
        assert_eq!(wsman(0x8033_81DE).map(|code| code.retry), Some(Retry::Reauthenticate));
        assert_eq!(wsman(0x8033_8041).map(|code| code.retry), Some(Retry::Never));
    }

    #[test]
    fn exactly_the_documented_codes_are_transient() {
        const TRANSIENT: &[u32] = &[
            2_150_858_755,
            2_150_858_772,
            2_150_858_780,
            2_150_858_802,
            2_150_858_815,
            2_150_858_872,
            2_150_858_883,
            2_150_858_991,
            2_150_858_997,
            2_150_859_026,
            2_150_859_046,
            2_150_859_117,
            2_150_859_120,
            2_150_859_173,
            2_150_859_174,
            2_150_859_175,
            2_150_859_176,
            2_150_859_179,
            2_150_859_193,
            2_150_859_194,
            2_150_859_236,
            2_150_859_237,
            2_150_859_238,
            2_150_859_239,
            2_150_859_240,
            2_150_859_241,
            2_150_859_242,
        ];
        let transient: Vec<u32> =
            CODES.iter().filter(|code| code.retry == Retry::BackOff).map(|code| code.number).collect();
        assert_eq!(transient, TRANSIENT);
    }
}
