import type { Language } from './names.ts';

/** A country's data for people, apart from names. In patterns `#` is a digit, `@` one other than 0, `{n}` a house number. */
export interface Country {
  /** ISO 3166-1 alpha-2. */
  readonly code: string;
  readonly language: Language;
  /** One of the catalogue's currencies. */
  readonly currency: Currency;
  /** Relative frequency; the weights add up to roughly a thousand. */
  readonly weight: number;
  /** A pattern for E.164 mobile numbers, valid according to libphonenumber (a test checks this). */
  readonly phone: string;
  readonly streets: readonly string[];
  /** `city`, `region` or nothing, postal code pattern. */
  readonly places: readonly (readonly [city: string, region: string, postalCode: string])[];
  /** `{name}` is the founder's family name. */
  readonly companies: readonly string[];
}

/** The catalogue's currencies. KWD has three decimals, JPY none. */
export const CURRENCIES = ['EUR', 'USD', 'GBP', 'JPY', 'BRL', 'INR', 'KWD'] as const;
export type Currency = (typeof CURRENCIES)[number];

type Facts = [code: string, language: Language, currency: Currency, weight: number, phone: string];

const split = (text: string) => text.split(';').map((part) => part.trim());

/** Lists are given as text, separated by `;`, and the parts of a place by `|`. */
function country(facts: Facts, lists: { streets: string; places: string; companies: string }): Country {
  const [code, language, currency, weight, phone] = facts;
  return {
    code,
    language,
    currency,
    weight,
    phone,
    streets: split(lists.streets),
    places: split(lists.places).map((place) => {
      const [city = '', region = '', postalCode = ''] = place.split('|');
      return [city, region, postalCode] as const;
    }),
    companies: split(lists.companies),
  };
}

export const COUNTRIES: readonly Country[] = [
  country(['US', 'en', 'USD', 170, '+14155######'], {
    streets: '{n} Main St;{n} Oak Avenue;{n} 5th Ave;{n} Sunset Blvd;{n} Elm Street',
    places: 'New York|NY|100##;Chicago|IL|606##;Seattle|WA|981##;Austin|TX|787##;Portland|OR|972##;Boise|ID|837##',
    companies: '{name} Inc.;{name} & Sons LLC;{name} Industries;{name} Foods, Inc.',
  }),
  country(['GB', 'en', 'GBP', 80, '+447400######'], {
    streets: '{n} High Street;{n} Station Road;Flat 2, {n} Church Lane;{n} Victoria Road',
    places: 'London||SW1A #AA;Manchester||M1 #AE;Edinburgh|Scotland|EH1 #YZ;Cardiff|Wales|CF10 #BH',
    companies: '{name} Ltd;{name} & Co.;{name} plc',
  }),
  country(['DE', 'de', 'EUR', 95, '+49151########'], {
    streets: 'Hauptstraße {n};Bahnhofstr. {n};Gartenweg {n};Königsallee {n}',
    places: 'Berlin||10###;München|Bayern|80###;Köln|NRW|50###;Hamburg||20###;Düsseldorf|NRW|40###',
    companies: '{name} GmbH;{name} & Söhne KG;{name} AG',
  }),
  country(['FR', 'fr', 'EUR', 75, '+3361#######'], {
    streets: "{n}, rue de l'Église;{n} avenue Victor-Hugo;{n}, place Kléber;{n} bd. de la République",
    places: 'Paris||750##;Lyon||690##;Marseille||130##;Besançon||25000;Orléans||45000',
    companies: '{name} SARL;{name} et fils;Établissements {name}',
  }),
  country(['ES', 'es', 'EUR', 55, '+346########'], {
    streets: 'Calle Mayor, {n};Avda. de la Constitución {n};C/ Araquil, {n}',
    places: 'Madrid||280##;Barcelona|Cataluña|080##;Málaga|Andalucía|290##;A Coruña|Galicia|150##',
    companies: '{name} S.L.;Comercial {name}, S.A.;{name} y Hermanos',
  }),
  country(['MX', 'es', 'USD', 35, '+5255########'], {
    streets: 'Av. Insurgentes Sur {n};Calle Hidalgo {n};Mataderos {n}',
    places: 'México D.F.|CDMX|06###;Mérida|Yucatán|97###;León|Guanajuato|37###',
    companies: '{name} S.A. de C.V.;Grupo {name}',
  }),
  country(['BR', 'pt', 'BRL', 60, '+55119########'], {
    streets: 'Rua do Paço, {n};Avenida Paulista, {n};Rua Orós, {n}',
    places: 'São Paulo|SP|01###-###;Rio de Janeiro|RJ|20###-###;Brasília|DF|70###-###',
    companies: '{name} Ltda.;Comércio {name};Irmãos {name} S.A.',
  }),
  country(['PT', 'pt', 'EUR', 18, '+35191#######'], {
    streets: 'Rua Augusta, {n};Praça da República, {n};Travessa do Carmo {n}',
    places: 'Lisboa||11##-###;Porto||40##-###;Évora||70##-###',
    companies: '{name}, Lda.;Casa {name}',
  }),
  country(['IT', 'it', 'EUR', 45, '+39320#######'], {
    streets: 'Via Roma, {n};Corso Italia {n};Piazza Garibaldi {n}',
    places: 'Roma|RM|001##;Milano|MI|201##;Torino|TO|101##;Forlì|FC|471##',
    companies: '{name} S.r.l.;{name} S.p.A.;Fratelli {name}',
  }),
  country(['SE', 'nordic', 'EUR', 22, '+46701######'], {
    streets: 'Drottninggatan {n};Storgatan {n};Berguvsvägen {n}',
    places: 'Stockholm||111 ##;Göteborg||411 ##;Malmö||211 ##;Umeå||903 ##',
    companies: '{name} AB;{name} & Söner AB',
  }),
  country(['NO', 'nordic', 'EUR', 14, '+479#######'], {
    streets: 'Storgata {n};Kirkeveien {n};Strandgaten {n}',
    places: 'Oslo||01##;Tromsø||90##;Ålesund||60##;Bergen||50##',
    companies: '{name} AS;Brødrene {name} AS',
  }),
  country(['DK', 'nordic', 'EUR', 14, '+4520@#####'], {
    streets: 'Nørregade {n};Vesterbrogade {n};Smagsløget {n}',
    places: 'København K||10##;Aarhus C||8000;Ærøskøbing||5970',
    companies: '{name} ApS;{name} A/S',
  }),
  country(['FI', 'nordic', 'EUR', 12, '+35840#######'], {
    streets: 'Mannerheimintie {n};Keskuskatu {n};Hämeenkatu {n}',
    places: 'Helsinki||001##;Jyväskylä||40###;Hämeenlinna||13###',
    companies: '{name} Oy;{name} Oyj',
  }),
  country(['PL', 'pl', 'EUR', 30, '+48501######'], {
    streets: 'ul. Długa {n};Aleje Jerozolimskie {n};ul. Świętokrzyska {n}',
    places: 'Warszawa||00-###;Łódź||90-###;Kraków||30-###;Wrocław||50-###',
    companies: '{name} Sp. z o.o.;{name} S.A.',
  }),
  country(['CZ', 'cs', 'EUR', 16, '+420601######'], {
    streets: 'Václavské nám. {n};Dlouhá {n};Nádražní {n}',
    places: 'Praha||110 ##;Brno||602 ##;Plzeň||301 ##',
    companies: '{name} s.r.o.;{name} a.s.',
  }),
  country(['TR', 'tr', 'EUR', 22, '+90532#######'], {
    streets: 'Atatürk Caddesi No: {n};İstiklal Cad. {n};Çiçek Sokak {n}',
    places: 'İstanbul||34###;Ankara||06###;Eskişehir||26###',
    companies: '{name} Ltd. Şti.;{name} A.Ş.',
  }),
  country(['VN', 'vi', 'USD', 14, '+8490#######'], {
    streets: '{n} Lê Lợi;{n} Trần Hưng Đạo;{n} Nguyễn Huệ',
    places: 'Hà Nội||100000;Đà Nẵng||550000;Hồ Chí Minh||700000',
    companies: 'Công ty TNHH {name};{name} JSC',
  }),
  country(['CN', 'zh', 'USD', 70, '+86138########'], {
    streets: '人民路{n}号;中山路{n}号;建设大街{n}号',
    places: '北京|北京市|1000##;上海|上海市|2000##;广州|广东省|5100##;成都|四川省|6100##',
    companies: '{name}科技有限公司;{name}贸易有限公司;{name}集团',
  }),
  country(['TW', 'zh', 'USD', 14, '+8869########'], {
    streets: '忠孝東路{n}號;中正路{n}號;民權路{n}號',
    places: '臺北市||100;高雄市||800;臺中市||400',
    companies: '{name}股份有限公司;{name}企業',
  }),
  country(['JP', 'ja', 'JPY', 60, '+8190@#######'], {
    streets: '丸の内1丁目{n}番;銀座四丁目{n};本町{n}-2',
    places: '千代田区|東京都|100-00##;大阪市|大阪府|530-00##;札幌市|北海道|060-00##;京都市|京都府|600-80##',
    companies: '株式会社{name};{name}商事株式会社;有限会社{name}',
  }),
  country(['KR', 'ko', 'USD', 30, '+82102#######'], {
    streets: '세종대로 {n};테헤란로 {n};중앙로 {n}',
    places: '서울|서울특별시|045##;부산|부산광역시|481##;대구|대구광역시|419##',
    companies: '(주){name}상사;{name}전자 주식회사',
  }),
  country(['UA', 'uk', 'EUR', 24, '+38067#######'], {
    streets: 'вул. Хрещатик, {n};просп. Миру, {n};вул. Садова, {n}',
    places: 'Київ||010##;Львів||790##;Одеса||650##;Харків||610##',
    companies: 'ТОВ «{name}»;ФОП {name}',
  }),
  country(['GR', 'el', 'EUR', 16, '+30694#######'], {
    streets: 'Ερμού {n};Λεωφόρος Αλεξάνδρας {n};Αγίου Δημητρίου {n}',
    places: 'Αθήνα||105 ##;Θεσσαλονίκη||546 ##;Πάτρα||262 ##',
    companies: '{name} Α.Ε.;Αφοί {name} Ο.Ε.',
  }),
  country(['IL', 'he', 'USD', 14, '+972502######'], {
    streets: 'רחוב הרצל {n};שדרות רוטשילד {n};דיזנגוף {n}',
    places: 'תל אביב||61####0;ירושלים||91####0;חיפה||31####0',
    companies: '{name} בע"מ;קבוצת {name}',
  }),
  country(['KW', 'ar', 'KWD', 12, '+965500#####'], {
    streets: 'شارع الخليج العربي {n};شارع فهد السالم {n}',
    places: 'مدينة الكويت||13###;السالمية||22###',
    companies: 'شركة {name};مؤسسة {name} التجارية',
  }),
  country(['EG', 'ar', 'USD', 24, '+2010########'], {
    streets: 'شارع التحرير {n};شارع الهرم {n};كورنيش النيل {n}',
    places: 'القاهرة||11###;الإسكندرية||21###;الجيزة||12###',
    companies: 'شركة {name};{name} للتجارة',
  }),
  country(['IN', 'hi', 'INR', 65, '+9198########'], {
    streets: '{n}, एम.जी. रोड;{n} गांधी मार्ग;{n}, नेहरू नगर',
    places: 'नई दिल्ली|दिल्ली|1100##;मुंबई|महाराष्ट्र|4000##;जयपुर|राजस्थान|3020##',
    companies: '{name} प्राइवेट लिमिटेड;{name} एंड सन्स;{name} Traders Pvt. Ltd.',
  }),
  country(['TH', 'th', 'USD', 12, '+6681#######'], {
    streets: '{n} ถนนสุขุมวิท;{n} ถนนสีลม',
    places: 'กรุงเทพมหานคร||10###;เชียงใหม่||50###',
    companies: 'บริษัท {name} จำกัด;ห้างหุ้นส่วน {name}',
  }),
];
