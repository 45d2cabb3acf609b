package bounce

// fieldKey numbers the fields of a header and of a delivery status that
// somebody asks for. All others are the zero key.
type fieldKey uint8

// The fields, each with its name in lower case in fieldNames.
const (
	keyFrom fieldKey = iota + 1
	keyTo
	keyCc
	keyDate
	keySubject
	keyReceived
	keyReturnPath
	keyMessageID
	keyMIMEVersion
	keyContentType
	keyContentTransferEncoding
	keyContentDisposition
	keyDKIMSignature
	keyDeliveredTo
	keyEnvelopeTo
	keyXEnvelopeFrom
	keyXOriginalReturnPath
	keyXFailedRecipients
	keyAutoSubmitted
	keyPrecedence
	keyXAutoreply
	keyXAutorespond
	keyXAutoresponder
	keyXAutoReplyFrom
	keyXAppleAction
	keyXHmXmrOriginalRecipient
	keyListUnsubscribe
	keyListID

	// of a delivery status, RFC 3464 section 2
	keyReportingMTA
	keyArrivalDate
	keyFinalRecipient
	keyOriginalRecipient
	keyXOriginalRecipient
	keyXActualRecipient
	keyAction
	keyStatus
	keyRemoteMTA
	keyDiagnosticCode
	keyWillRetryUntil
	keyXSupplementaryInfo
)

var fieldNames = [...]string{
	keyFrom:                    "from",
	keyTo:                      "to",
	keyCc:                      "cc",
	keyDate:                    "date",
	keySubject:                 "subject",
	keyReceived:                "received",
	keyReturnPath:              "return-path",
	keyMessageID:               "message-id",
	keyMIMEVersion:             "mime-version",
	keyContentType:             "content-type",
	keyContentTransferEncoding: "content-transfer-encoding",
	keyContentDisposition:      "content-disposition",
	keyDKIMSignature:           "dkim-signature",
	keyDeliveredTo:             "delivered-to",
	keyEnvelopeTo:              "envelope-to",
	keyXEnvelopeFrom:           "x-envelope-from",
	keyXOriginalReturnPath:     "x-original-return-path",
	keyXFailedRecipients:       "x-failed-recipients",
	keyAutoSubmitted:           "auto-submitted",
	keyPrecedence:              "precedence",
	keyXAutoreply:              "x-autoreply",
	keyXAutorespond:            "x-autorespond",
	keyXAutoresponder:          "x-autoresponder",
	keyXAutoReplyFrom:          "x-auto-reply-from",
	keyXAppleAction:            "x-apple-action",
	keyXHmXmrOriginalRecipient: "x-hmxmroriginalrecipient",
	keyListUnsubscribe:         "list-unsubscribe",
	keyListID:                  "list-id",

	keyReportingMTA:       "reporting-mta",
	keyArrivalDate:        "arrival-date",
	keyFinalRecipient:     "final-recipient",
	keyOriginalRecipient:  "original-recipient",
	keyXOriginalRecipient: "x-original-recipient",
	keyXActualRecipient:   "x-actual-recipient",
	keyAction:             "action",
	keyStatus:             "status",
	keyRemoteMTA:          "remote-mta",
	keyDiagnosticCode:     "diagnostic-code",
	keyWillRetryUntil:     "will-retry-until",
	keyXSupplementaryInfo: "x-supplementary-info",
}

// keysByHash has each key where the hash of its name is. No two have the same.
var keysByHash = func() (keys [256]fieldKey) {
	for key, name := range fieldNames[1:] {
		keys[hashName(name)] = fieldKey(key + 1)
	}
	return keys
}()

// hashName is of the length and both ends of a name, without regard to case.
func hashName[T string | []byte](name T) byte {
	return byte(len(name)) + 2*(name[0]|0x20) + 34*(name[len(name)-1]|0x20)
}

// keyOf is the key of a name, in whatever case. The name is not empty, and of
// bytes that a field name may have.
func keyOf[T string | []byte](name T) fieldKey {
	key := keysByHash[hashName(name)]
	known := fieldNames[key]
	if len(known) != len(name) {
		return 0
	}
	for i := range len(known) {
		if name[i]|0x20 != known[i] {
			return 0
		}
	}
	return key
}
