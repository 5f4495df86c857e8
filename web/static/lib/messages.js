// The messages between a page and the gateway, as types. Nothing runs in here.
//
// Written by hand after signaling/messages/; a test compares every property with web/lib/messages.schema.json.
// `seq` and `ack`, which every message has, are added and read by session.js alone and are left out below.

export const PROTOCOL_VERSION = 1;
export const SUBPROTOCOL = "visavis.v1";

// ---------------------------------------------------------------- to the gateway

/**
 * @typedef {object} Resume
 * @property {string} session_id
 * @property {string} secret
 * @property {number} last_seq
 */
/**
 * @typedef {object} Hello
 * @property {"hello"} type
 * @property {number[]} versions
 * @property {string | null} [entry_token]
 * @property {Resume | null} [resume]
 * @property {boolean} [take_over]
 */
/**
 * @typedef {object} Ping
 * @property {"ping"} type
 */
/**
 * @typedef {object} IceRequest
 * @property {"ice_request"} type
 */
/**
 * @typedef {object} LegOffer
 * @property {"leg_offer"} type
 * @property {number} generation
 * @property {string} sdp
 */
/**
 * @typedef {object} MenuChoice
 * @property {"menu_choice"} type
 * @property {string} node_id
 * @property {string} key
 */
/**
 * @typedef {object} Consent
 * @property {"consent"} type
 * @property {boolean} given
 * @property {string} notice_version
 * @property {string} [language] in which the notice was read
 */
/**
 * @typedef {object} Payment
 * @property {"payment"} type
 * @property {boolean} open
 */
/**
 * @typedef {object} MediaState
 * @property {"media_state"} type
 * @property {boolean} audio
 * @property {boolean} video
 * @property {boolean} [screen]
 */
/**
 * @typedef {object} QualityReport
 * @property {"quality_report"} type
 * @property {number} [freezes]
 * @property {number | null} [frames_per_s]
 * @property {number | null} [width]
 * @property {number | null} [height]
 * @property {number | null} [concealed]
 * @property {number | null} [sent_frames_per_s]
 * @property {number | null} [sent_width]
 * @property {number | null} [sent_height]
 * @property {number | null} [available_bps]
 * @property {"none" | "cpu" | "bandwidth" | "other"} [limited]
 */
/**
 * @typedef {object} Chat
 * @property {"chat"} type
 * @property {string} client_id the page's own name of the line: sent again, it is the same line
 * @property {string} text
 */
/**
 * @typedef {object} PressKeys
 * @property {"press_keys"} type
 * @property {string} keys
 */
/**
 * @typedef {object} KeepPlace
 * @property {"keep_place"} type
 */
/**
 * @typedef {object} HangUp
 * @property {"hang_up"} type
 */
/**
 * @typedef {object} SetReady
 * @property {"set_ready"} type
 */
/**
 * @typedef {object} SetNotReady
 * @property {"set_not_ready"} type
 * @property {"break" | "lunch" | "training" | "meeting" | "other"} reason
 */
/**
 * @typedef {object} AcceptOffer
 * @property {"accept_offer"} type
 * @property {string} offer_id
 */
/**
 * @typedef {object} RejectOffer
 * @property {"reject_offer"} type
 * @property {string} offer_id
 */
/**
 * @typedef {object} ClaimContact
 * @property {"claim_contact"} type
 * @property {string} correlation
 */
/**
 * @typedef {object} Transfer
 * @property {"transfer"} type
 * @property {"queue" | "agent" | "number"} kind
 * @property {string} target
 * @property {boolean} [consult]
 */
/**
 * @typedef {object} CompleteTransfer
 * @property {"complete_transfer"} type
 */
/**
 * @typedef {object} Hold
 * @property {"hold"} type
 */
/**
 * @typedef {object} Retrieve
 * @property {"retrieve"} type
 */
/**
 * @typedef {object} Recording
 * @property {"recording"} type
 * @property {"start" | "stop" | "pause" | "resume"} action
 */
/**
 * @typedef {object} WrapUp
 * @property {"wrap_up"} type
 * @property {string} disposition
 * @property {string} [notes]
 */
/**
 * @typedef {Hello | Ack | Ping | IceRequest | LegOffer | MenuChoice | Consent | Payment | MediaState | QualityReport | Chat | PressKeys | KeepPlace | HangUp
 *   | SetReady | SetNotReady | AcceptOffer | RejectOffer | ClaimContact | Transfer | CompleteTransfer | Hold | Retrieve | Recording | WrapUp} ClientMessage
 */

// ---------------------------------------------------------------- from the gateway

/**
 * @typedef {object} Ack
 * @property {"ack"} type
 */
/**
 * @typedef {object} IceServer
 * @property {string[]} urls
 * @property {string} [username]
 * @property {string} [credential]
 */
/**
 * @typedef {object} Welcome
 * @property {"welcome"} type
 * @property {number} version
 * @property {string} session_id
 * @property {string} secret
 * @property {boolean} resumed
 * @property {string | null} [contact_id]
 * @property {number} grace_s
 * @property {IceServer[]} [ice_servers]
 * @property {number} [ice_lifetime_s]
 */
/**
 * @typedef {object} IceServers
 * @property {"ice_servers"} type
 * @property {IceServer[]} servers
 * @property {number} lifetime_s
 */
/**
 * @typedef {object} ErrorMessage
 * @property {"error"} type
 * @property {string} code
 * @property {string} detail
 * @property {number | null} [re_seq]
 */
/**
 * @typedef {object} Bye
 * @property {"bye"} type
 * @property {string} code
 * @property {string} [detail]
 */
/**
 * @typedef {object} ContactState
 * @property {"contact_state"} type
 * @property {string} contact_id
 * @property {string} state
 * @property {string | null} [end_reason]
 * @property {number | null} [deadline_s]
 * @property {number | null} [talk_s]
 * @property {boolean} [voice_apart]
 */
/**
 * @typedef {object} MenuOption
 * @property {string} key
 * @property {string} label
 */
/**
 * @typedef {object} MenuNode
 * @property {"menu_node"} type
 * @property {string} node_id
 * @property {string} text
 * @property {MenuOption[]} options
 * @property {boolean} can_go_back
 * @property {number} idle_s
 */
/**
 * @typedef {object} QueuePosition
 * @property {"queue_position"} type
 * @property {string} queue
 * @property {string} queue_name
 * @property {number | null} [place]
 * @property {number | null} [ahead]
 * @property {number} waited_s
 * @property {number | null} [estimate_s]
 * @property {number | null} [keep_in_s]
 */
/**
 * @typedef {object} PlaceKept
 * @property {"place_kept"} type
 * @property {string} url
 * @property {string} queue_name
 * @property {number | null} [place]
 * @property {number} window_s
 * @property {number} lasts_s
 */
/**
 * @typedef {object} PlaceNotKept
 * @property {"place_not_kept"} type
 * @property {string} code
 */
/**
 * @typedef {object} LegAnswer
 * @property {"leg_answer"} type
 * @property {number} generation
 * @property {string} sdp
 */
/**
 * @typedef {object} LegRefused
 * @property {"leg_refused"} type
 * @property {number} generation
 * @property {string} code
 * @property {string} detail
 */
/**
 * @typedef {object} LegState
 * @property {"leg_state"} type
 * @property {number} generation
 * @property {string} state
 */
/**
 * @typedef {object} PeerState
 * @property {"peer_state"} type
 * @property {string} display_name
 * @property {boolean} connected
 * @property {boolean} audio
 * @property {boolean} video
 * @property {boolean} screen
 * @property {PeerAway | null} [away]
 */
/**
 * @typedef {object} PeerAway
 * @property {string} cause
 * @property {number} since_s
 * @property {number | null} [deadline_s]
 */
/**
 * @typedef {object} QualityFigures
 * @property {number | null} round_trip_ms
 * @property {number | null} uplink_loss
 * @property {number | null} downlink_loss
 * @property {number} uplink_bps
 * @property {number} downlink_bps
 * @property {number | null} jitter_ms
 * @property {number | null} frames_per_s
 * @property {number | null} width
 * @property {number | null} height
 * @property {number | null} mos
 */
/**
 * @typedef {object} SideQuality
 * @property {string} word
 * @property {string | null} [cause]
 * @property {QualityFigures | null} [figures]
 * @property {boolean} [pictures_paused]
 * @property {boolean} [pictures_unmatched]
 */
/**
 * @typedef {object} QualityState
 * @property {"quality_state"} type
 * @property {SideQuality} own
 * @property {SideQuality | null} [peer]
 */
/**
 * @typedef {object} RecordingState
 * @property {"recording_state"} type
 * @property {string} state
 * @property {string} [notice_version]
 * @property {string[]} [may] what an agent may ask for now
 */
/**
 * @typedef {object} ChatEntry
 * @property {number} number from 1 within the contact, in the one order of both sides
 * @property {string} by customer, agent
 * @property {string} name
 * @property {string} at
 * @property {string} text
 * @property {string | null} [client_id] only of what this side wrote
 */
/**
 * @typedef {object} ChatLine
 * @property {"chat_line"} type
 * @property {number} number
 * @property {string} by
 * @property {string} name
 * @property {string} at
 * @property {string} text
 * @property {string | null} [client_id]
 */
/**
 * @typedef {object} ChatHistory
 * @property {"chat_history"} type
 * @property {ChatEntry[]} lines
 * @property {number} earlier how many are left out before them
 */
/**
 * @typedef {object} AgentState
 * @property {"agent_state"} type
 * @property {string} state
 * @property {string | null} [reason]
 * @property {string | null} [pending_reason]
 * @property {string | null} [contact_id]
 * @property {string[]} [queues]
 */
/**
 * @typedef {object} PastContact
 * @property {string} at ISO 8601
 * @property {string} queue_name
 * @property {string} agent_name
 * @property {string} disposition
 */
/**
 * @typedef {object} CustomerHistory
 * @property {string} customer_id
 * @property {string} name
 * @property {string} known_by `identity`, `claimed` or `browser`
 * @property {number} contacts earlier ones, those not shown included
 * @property {PastContact[]} last newest first
 * @property {string} url their page in the CRM; empty: none
 */
/**
 * @typedef {object} CustomerKnown
 * @property {"customer_known"} type
 * @property {string} contact_id
 * @property {CustomerHistory} history
 */
/**
 * @typedef {object} CustomerCard
 * @property {string} display_name
 * @property {string} language
 * @property {string} site
 * @property {string} page_url
 * @property {string} page_title
 * @property {Record<string, string>} form
 * @property {string[]} menu_path
 * @property {CustomerHistory | null} [history] null: nothing is known, or not yet
 */
/**
 * @typedef {object} Offer
 * @property {"offer"} type
 * @property {string} offer_id
 * @property {string} contact_id
 * @property {string} queue
 * @property {string} queue_name
 * @property {CustomerCard} customer
 * @property {number} waited_s
 * @property {number} deadline_s
 * @property {string} [asked_by]
 */
/**
 * @typedef {object} OfferEnded
 * @property {"offer_ended"} type
 * @property {string} offer_id
 * @property {string} reason
 */
/**
 * @typedef {object} Assigned
 * @property {"assigned"} type
 * @property {string} contact_id
 * @property {string} queue_name
 * @property {CustomerCard} customer
 * @property {boolean} [voice_apart]
 * @property {string[]} [transfers]
 * @property {string} [asked_by]
 */
/**
 * @typedef {object} WrapUpStarted
 * @property {"wrap_up_started"} type
 * @property {string} contact_id
 * @property {string[]} dispositions
 * @property {number} deadline_s
 */
/**
 * @typedef {object} BoardQueue
 * @property {string} queue
 * @property {string} name
 * @property {number} waiting
 * @property {number} longest_wait_s
 * @property {number} talking
 * @property {number} agents_ready
 * @property {number} [kept]
 */
/**
 * @typedef {object} BoardAgent
 * @property {string} agent_id
 * @property {string} display_name
 * @property {string} state
 * @property {string | null} reason
 * @property {number} since_s
 * @property {string | null} contact_id
 */
/**
 * @typedef {object} BoardContact
 * @property {string} contact_id
 * @property {string} site
 * @property {string} state
 * @property {string | null} queue
 * @property {string | null} agent_id
 * @property {number} since_s
 * @property {number} age_s
 * @property {string | null} [quality]
 * @property {string | null} [cause]
 */
/**
 * @typedef {object} BoardAlarm
 * @property {string} code
 * @property {string} detail
 * @property {string | null} contact_id
 * @property {number} age_s
 */
/**
 * @typedef {object} Board
 * @property {"board"} type
 * @property {BoardQueue[]} queues
 * @property {BoardAgent[]} agents
 * @property {BoardContact[]} contacts
 * @property {BoardAlarm[]} alarms
 * @property {boolean} draining
 */
/**
 * @typedef {Welcome | IceServers | ErrorMessage | Bye | Ack | ContactState | MenuNode | QueuePosition | PlaceKept | PlaceNotKept | LegAnswer
 *   | LegRefused | LegState | PeerState | QualityState | RecordingState | ChatLine | ChatHistory | AgentState | Offer | OfferEnded | Assigned | CustomerKnown | WrapUpStarted
 *   | Board} ServerMessage
 */
