"""Words that say what digits are: those that announce a phone number, those that name something else, and units of an amount.

Our own, from the pages of contacts and of orders in the languages of `pii_phones.REGIONS`. ASCII letters in either case; `*` at
the end of a word stands for any letters.
"""

from __future__ import annotations

#: What announces a number by itself. A word counts with a whole word alone, one that no ASCII letter begins as a beginning too,
#: a sign anywhere.
CUES = (
    "tel", "tél", "Tél", "TÉL", "telephone", "téléphone", "Téléphone", "telefon", "telefono", "teléfono", "Teléfono",
    "telefone", "telefoon", "telefonnummer", "telefoonnummer", "telefonnr", "telef", "tlf", "tfno", "tfn", "ph", "phone", "phones",
    "puh", "puhelin", "puhelinnumero", "telefonszám", "telefonul", "telefonu", "telefonem", "telefonisch", "téléphonique",
    "telefoniczny", "telefonicznie", "telefonicky", "telefonní", "telefónne", "telefónico", "tālrunis", "tālr", "telefonas",
    "fax", "faks", "telefax", "mob", "mobil", "mobile", "mobiel", "mobilnummer", "handynummer", "móvil", "Móvil", "movil",
    "celular",
    "celulare", "cellulare", "gsm", "komórka", "komórkowy", "telemóvel", "tlm", "rufnummer", "durchwahl", "notruf", "hotline",
    "infoline", "infolinia", "whatsapp", "viber", "sms", "toll-free", "gọi", "điện thoại", "Điện thoại", "ĐT", "đt",
    "telp", "telepon", "тел", "Тел", "ТЕЛ", "моб", "Моб", "факс", "Факс", "телефон", "Телефон", "τηλ", "Τηλ", "κιν", "Κιν", "φαξ",
    "Φαξ", "טל", "טלפון", "פקס", "נייד", "هاتف", "الهاتف", "جوال", "تلفون", "فاكس", "موبايل", "واتساب", "تلفن", "تماس", "फोन",
    "फ़ोन", "मोबाइल", "ফোন", "মোবাইল", "தொலைபேசி", "ఫోన్", "โทร", "โทรศัพท์", "แฟกซ์", "มือถือ", "เบอร์โทร", "电话", "電話", "手机",
    "手機", "传真", "傳真", "热线", "熱線", "携帯", "ファックス", "フリーダイヤル", "전화", "휴대폰", "핸드폰", "팩스",
    "연락처", "ტელ", "հեռ", "Հեռ",
    "☎", "☏", "✆", "📞", "📱", "📠", "℡", "℻",
)  # fmt: skip

#: What announces a number in groups, or one close behind it: verbs and nouns of calling and being reached, and of numbers.
HINTS = (
    # English, German, Dutch, Scandinavian
    "call", "dial", "contact", "cell", "cel", "hp", "kom", "cep", "handy", "portable", "nummer", "ruf", "rufe", "rufen",
    "anruf", "anrufen",
    "anrufe", "erreichen", "erreichbar", "wählen", "wähle", "kontakt", "kontaktieren", "festnetz", "bel", "bellen", "belt",
    "bereikbaar", "bereiken", "ring", "ringa", "ringer", "ringe", "kontakta", "kontakte", "kontakter", "nås",
    # Romance
    "llame", "llama", "llamar", "llamen", "llamando", "llamarnos", "llamarme", "llámenos", "llámanos", "llámame", "llamenos",
    "llamanos", "marque", "marcar", "marcando", "comuníquese", "comunícate", "comunicarse", "comunicate", "contacto", "contactos",
    "contactar", "contactarnos", "contáctenos", "contáctanos", "contactenos", "número", "ligue", "ligar", "ligando", "telefonar",
    "telefonando", "contato", "contatos", "contate", "contacte", "atendimento", "chiama", "chiamare", "chiamaci", "chiamate",
    "chiami", "chiamando", "telefonare", "telefonate", "telefonaci", "contattare", "contattarci", "contattaci", "contatto",
    "contatti", "recapito", "numero", "appelez", "appeler", "appelle", "joindre", "joignable", "contactez", "contacter", "composez",
    "composer", "téléphonez", "numéro", "sunați", "sunaţi", "sunati", "suna", "apelați", "apelaţi", "apelati", "contactați",
    "contactaţi", "numărul",
    # Slavic and Baltic
    "zadzwoń", "zadzwon", "zadzwonić", "dzwoń", "dzwonić", "dzwoniąc", "numer", "numerem", "volejte", "zavolejte", "volat",
    "zavolat", "volajte", "zavolajte", "zavolať", "kontaktujte", "číslo", "čísle", "čísla", "nazovite", "pozovite", "pokličite",
    "broj", "zvaniet", "skambinkite", "skambinti", "звон", "Звон", "позвон", "Позвон", "набер", "Набер", "номер", "Номер", "связ",
    "Связ", "контакт", "Контакт", "дзвон", "Дзвон", "телефону", "зателефон", "Зателефон", "званіц", "Званіц", "обад", "Обад",
    "позов", "Позов",
    # others
    "arayın", "arayabilir", "arayarak", "iletişim", "İletişim", "numaralı", "soita", "soittamalla", "soittaa", "numeroon",
    "helistage", "helista", "numbril", "hívjon", "hívja", "hívás", "hívható", "számon", "καλέστε", "Καλέστε", "επικοινων",
    "Επικοινων", "τηλεφων", "Τηλεφων", "拨打", "致电", "撥打", "致電", "联系", "聯繫", "聯絡", "咨询", "来电", "來電", "号码",
    "號碼",
    "問い合わせ", "問合せ", "連絡", "문의", "예약", "연락", "상담", "اتصل", "للاتصال", "الاتصال", "للتواصل", "להתקשר", "התקשרו",
    "חייגו",
    "לפרטים", "संपर्क", "सम्पर्क", "कॉल", "যোগাযোগ", "hubungi", "liên hệ", "Liên hệ", "ติดต่อ", "เบอร์", "დარეკ", "զանգ", "байланыс",
)  # fmt: skip

#: What digits are the number of, where one of these stands right before them, or before a word for `number`.
THINGS = (
    # of manuals and machines
    "serial", "order", "part", "parts", "model", "item", "sku", "article", "artikel*", "inode*", "firmware", "row", "page",
    "record", "commit", "revision", "build", "batch", "lot", "pid", "port", "offset", "block", "sector", "hash", "checksum",
    "error",
    "bug", "issue", "ticket", "case", "job", "task", "version", "catalog", "catalogue", "drawing", "isbn", "issn", "ismn",
    "ean", "gtin",
    "upc", "asin", "doi", "arxiv", "pmid", "oclc", "lccn", "rfc", "imei", "vin", "uuid", "guid",
    # of books kept
    "invoice", "bill", "receipt", "account", "policy", "patent", "license", "licence", "tracking",
    "shipment", "registration", "passport", "id", "ref", "reference", "code", "pin", "zip",
    "vat", "tax", "ein", "ssn", "abn", "gst", "btw", "kvk", "ust", "uid", "nip", "regon", "pesel", "nif", "cif", "dni", "cpf",
    "cnpj", "rut",
    "siret", "siren", "tva", "iva", "cvr", "ičo", "dič", "rč",
    # German, Dutch, Scandinavian, Finnish, Hungarian; what ends in `number` there is told by its end
    "aktenzeichen", "bestellung", "auftrag", "rechnung", "seite", "konto", "blz", "plz", "postfach", "kennzeichen", "vorgang",
    "seriennr",
    "artikelnr", "bestellnr", "kundennr", "rechnungsnr", "bestelling", "factuur", "faktura", "ordre", "tilaus", "lasku",
    "viite", "rendelés",
    "sorozat*", "számla", "cikkszám",
    # Romance
    "série", "serie", "commande", "référence", "réf", "facture", "dossier", "ordine", "fattura", "articolo", "codice",
    "articulo", "artículo", "pedido", "factura", "referencia", "inodo", "código", "expediente", "fatura", "referência", "artigo",
    "encomenda", "processo", "protocolo", "comanda", "comandă", "comenzii", "factură", "cod", "matrícula", "lote", "partita",
    # Slavic
    "seryjny", "seryjnego", "zamówieni*", "katalogow*", "artykuł*", "fakturze", "faktury", "sériové", "výrobné", "výrobní",
    "objednávk*",
    "objednávka", "objednávky", "serijski", "narudžb*", "серийн*", "серійн*", "сериен", "заказ*", "замовлен*", "поръчк*",
    "артикул*", "инн", "огрн",
    "кпп", "бик", "іпн", "єдрпоу", "счет*", "счёт*", "рахун*", "договор*", "арт", "код",
    # others
    "seri", "sipariş", "fatura", "pesanan", "ri", "hàng", "phẩm", "σειριακ*", "παραγγελ*", "τιμολόγ*", "αφμ",
    "التسلسلي", "الطلب", "طلب", "الفاتورة", "سریال", "سفارش", "סידורי", "הזמנה", "חשבונית",
)  # fmt: skip
#: The same, with a word for `number` alone: by themselves they say whom a phone number reaches.
COUNTED = (
    "customer", "client", "member", "membership", "booking", "reservation", "confirmation", "cliente", "kunden", "kund", "klant",
    "klient*", "клиент*", "müşteri", "pelanggan",
)  # fmt: skip
#: Behind one of these a colon makes it the heading of where to call: `Order: 0161 496 0753`.
ORDERS = (
    "order", "bestellung", "auftrag", "bestelling", "ordre", "tilaus", "rendelés", "commande", "ordine", "pedido", "encomenda",
    "comanda",
    "objednávk*", "заказ*", "замовлен*", "поръчк*", "sipariş",
)  # fmt: skip
#: Lines of a text, and lines that are called (`our direct line`): of a text behind one of PLACES.
LINES = ("line", "zeile", "строк*")
PLACES = frozenset({"at", "in", "on", "from", "see", "die", "der", "в", "на", "the"})
#: The same in writing without spaces, or with vowels that are marks: what ends so.
THING_ENDS = (
    "番号", "番號", "编号", "編號", "订单号", "訂單號", "序列号", "序列號", "货号", "單號", "单号", "型号", "票号", "账号",
    "卡号", "身份证号", "证号",
    "번호", "ใบสั่งซื้อ", "เลขเครื่อง", "ซีเรียล", "क्रम संख्या", "क्रमांक", "ऑर्डर नंबर", "ক্রমিক নম্বর",
)  # fmt: skip
#: Words for `number`: one of THINGS may stand before or behind them. In some languages they end a longer word.
NUMBERS = frozenset({
    "number", "num", "no", "nos", "nr", "nummer", "numbers", "numéro", "numero", "número", "nº", "n", "numer", "numeru",
    "číslo", "broj", "номер", "numărul", "număr", "αριθμός", "numarası", "numara", "numaralı", "nomor", "số", "mã", "رقم",
    "شماره", "מספר", "szám",
})  # fmt: skip
NUMBER_ENDS = ("nummer", "nummeret", "numret", "numero", "szám", "számú")
#: Between a thing's name and its digits, or before a word for `number`.
LINKS = frozenset({
    "is", "are", "was", "ist", "lautet", "sind", "est", "es", "é", "è", "sono", "to", "jest", "je", "är", "er", "on",
    "este", "είναι",
})  # fmt: skip
OF = frozenset({"de", "d", "du", "del", "da", "do", "di", "dell", "della", "dello", "l", "la", "el"})
#: What begins or holds one of these is of phones, whatever number it is: `Faxnummer`, `Diensttelefonnummer`.
OF_PHONES_FIRST = ("tel", "tél", "fon", "ruf", "fax", "gsm", "sms", "cell", "hulp", "nöd", "nød", "jour", "akut")
OF_PHONES = (
    "telefon", "téléphon", "telefoon", "teléfon", "phone", "notruf", "festnetz", "mobil", "móvil", "movil", "celul", "handy",
    "telefax", "faks", "whatsapp",
    "contact", "kontakt", "contat", "contac", "hotline", "durchwahl", "puhelin", "portable", "urgence", "emergenc", "emergên",
    "service", "servic",
    "atención", "atendimento", "komórk", "тел", "моб", "факс", "τηλ", "κιν", "التلفون", "الهاتف", "الجوال",
    "هاتف", "جوال", "تماس", "تلفن", "טלפון", "נייד", "电话", "電話", "手机", "手機", "携帯", "传真", "連絡", "联系", "热线",
    "전화", "휴대", "핸드폰", "연락",
    "팩스", "โทร", "फ़ोन", "फोन", "मोबाइल",
)  # fmt: skip
#: What follows an amount.
UNITS = (
    "points?|pts|items?|units?|people|persons?|votes?|visitors?|visits?|users?|copies|records|rows|bytes|bits|miles?"
    "|dollars?|pounds|euros?|eur|usd|gbp|chf|cad|aud|jpy|cny|rub|pln|czk|huf|sek|nok|dkk|try|brl|inr|zł|złotych|złote|złoty|kč|ft|kr|kronor|kroner"
    "|lira|tl|lei|pesos?|reais|rupees|rupiah|руб\\w*|грн|гривен\\w*|гривень|лв|лева|punkte?n?|stück|einwohner\\w*|menschen|personen|stimmen|besucher"
    "|habitants?|personnes|visites?|visitas|voix|habitantes|personas|votos|puntos|pontos|punti|abitanti|persone|voti|mieszkańców|osób|obyvatel"
    "|человек|жителей|голосов|ευρώ|[kmgt]i?b|k?m²?|m2|km2|kg|cm|mm|kwh|kw|mw|hz"
)
