/** The names of one language; `latin` is for email addresses. */
interface NameList {
  readonly given: readonly Name[];
  readonly family: readonly Name[];
  /** Combines two words as the language does. */
  join(given: string, family: string): string;
}

interface Name {
  readonly native: string;
  readonly latin: string;
}

const givenFirst = (given: string, family: string) => `${given} ${family}`;
const familyFirst = (given: string, family: string) => `${family}${given}`;
const familyFirstSpaced = (given: string, family: string) => `${family} ${given}`;

const LETTERS_WITHOUT_DECOMPOSITION: Readonly<Record<string, string>> = {
  ß: 'ss',
  æ: 'ae',
  ø: 'o',
  đ: 'd',
  ł: 'l',
  ı: 'i',
  þ: 'th',
  ð: 'd',
};

/** Lower case without accents, only a to z. */
function toAscii(text: string): string {
  return text
    .toLowerCase()
    .normalize('NFD')
    .replaceAll(/[ßæøđłıþð]/g, (letter) => LETTERS_WITHOUT_DECOMPOSITION[letter] ?? '')
    .replaceAll(/[^a-z]/g, '');
}

/** Splits words at white space; `native:latin` where the script is not Latin. */
function names(text: string): readonly Name[] {
  return text
    .trim()
    .split(/\s+/)
    .map((word) => {
      const [native = word, latin] = word.split(':');
      return { native, latin: latin ?? toAscii(native) };
    });
}

const people = (given: string, family: string, join = givenFirst): NameList => ({
  given: names(given),
  family: names(family),
  join,
});

/** By BCP 47 language. */
export const NAMES = {
  en: people(
    `James Mary Robert Patricia John Jennifer Michael Linda David Elizabeth William Barbara Richard Susan Joseph Jessica
    Thomas Sarah Charles Karen Oliver Amelia Harry Isla Grace Noah Ava Liam Sophia Ethan Chloe Daniel Zoe Siobhán`,
    `Smith Johnson Williams Brown Jones Garcia Miller Davis Wilson Anderson Taylor Moore Jackson Martin Lee Thompson
    White Harris Clark Lewis Robinson Walker Young Allen King Wright Scott O'Brien O'Connor MacDonald Hughes Evans`,
  ),
  de: people(
    `Anna Lukas Sophie Maximilian Marie Paul Leonie Felix Jürgen Käthe Björn Günther Ursula Heike Jörg Matthias Sabine
    Stefan Ingrid Wolfgang Birgit Thomas Hannelore Uwe`,
    `Müller Schmidt Schneider Fischer Weber Meyer Wagner Becker Schulz Hoffmann Schäfer Koch Bauer Richter Klein Wolf
    Schröder Neumann Schwarz Zimmermann Krüger Groß Weiß Jäger Köhler Böhm`,
  ),
  fr: people(
    `Camille Léa Hugo Chloé Louis Zoé Théo Inès François Hélène Benoît Élodie Jérôme Anaïs Gaëlle Noël Frédérique Rémi
    Margaux Étienne Maël Océane Loïc Agnès`,
    `Martin Bernard Dubois Thomas Robert Richard Petit Durand Leroy Moreau Lefèvre Garçon Gauthier Perrin Chevalier
    Béranger Mércier Faure Rousseau Blanc Guérin Boyer Marché L'Hôpital`,
  ),
  es: people(
    `José María Antonio Carmen Jesús Lucía Ángel Sofía Íñigo Begoña Óscar Raúl Martín Inés Andrés Mónica Sebastián
    Ximena Tomás Verónica Nicolás Belén Joaquín Pilar`,
    `García Fernández González Rodríguez López Martínez Sánchez Pérez Gómez Jiménez Ruiz Hernández Díaz Moreno Muñoz
    Álvarez Romero Núñez Gutiérrez Ibáñez Peña Ordóñez Castañeda Vázquez`,
  ),
  pt: people(
    `João Maria António Beatriz Luís Inês Gonçalo Conceição Tiago Mariana Estêvão Letícia Caio Fábio Lívia Thaís
    Vinícius Júlia Otávio Antônia Cauã Heloísa Mônica Davi`,
    `Silva Santos Oliveira Souza Rodrigues Ferreira Alves Pereira Lima Gomes Ribeiro Carvalho Araújo Assunção Gusmão
    Magalhães Simões Falcão Fagundes Conceição Brandão Guimarães Leitão Pinhão`,
  ),
  it: people(
    `Giulia Francesco Sofia Alessandro Aurora Lorenzo Chiara Matteo Niccolò Beatrice Giosuè Martina Davide Elena
    Riccardo Federica Simone Paola Noè Ilaria`,
    `Rossi Russo Ferrari Esposito Bianchi Romano Colombo Ricci Marino Greco Bruno Gallo Conti DeLuca Mancini Costa
    Giordano Rizzo Lombardi D'Amico`,
  ),
  nordic: people(
    `Åsa Björk Søren Øyvind Jørgen Märta Håkan Göran Astrid Ingrid Lars Freja Nils Elsa Mikko Päivi Jukka Aino Sølvi
    Torbjørn Guðrún Þór`,
    `Åkerström Sjöberg Lindqvist Bergström Sørensen Jørgensen Næss Ødegård Hansen Nilsson Mäkinen Korhonen Virtanen
    Hämäläinen Ängström Østergaard Lund Holm Dahl Strøm`,
  ),
  pl: people(
    `Małgorzata Łukasz Agnieszka Paweł Zofia Wojciech Żaneta Stanisław Jadwiga Bogusław Grażyna Michał Kasia Rafał
    Róża Sławomir Krzysztof Świętosława`,
    `Nowak Kowalski Wiśniewski Wójcik Kowalczyk Kamiński Lewandowski Zieliński Szymański Woźniak Dąbrowski Kozłowski
    Jankowski Mazur Żak Łuczak Gołębiowski Ćwik`,
  ),
  cs: people(
    `Jiří Tereza Tomáš Kateřina Ondřej Lucie Vojtěch Eliška Matěj Žofie František Růžena Luboš Šárka Zdeněk Bětka`,
    `Novák Svoboda Novotný Dvořák Černý Procházka Kučera Veselý Horák Němec Pokorný Růžička Fiala Šimek Kříž Žižka`,
  ),
  tr: people(
    `Ayşe Mehmet Fatma Mustafa Zeynep Ömer Elif Çağlar Gülşen İbrahim Şebnem Oğuz Işıl Kerem Özge Yiğit`,
    `Yılmaz Kaya Demir Çelik Şahin Yıldız Öztürk Aydın Özdemir Arslan Doğan Kılıç Aslan Çetin Güneş Koç`,
  ),
  vi: people(
    `Anh Bảo Châu Dũng Hạnh Hương Khánh Lan Minh Ngọc Phương Quân Thảo Trang Tuấn Việt`,
    `Nguyễn Trần Lê Phạm Hoàng Huỳnh Phan Vũ Võ Đặng Bùi Đỗ Hồ Ngô Dương Lý`,
    familyFirstSpaced,
  ),
  zh: people(
    `伟:wei 芳:fang 娜:na 敏:min 静:jing 丽:li 强:qiang 磊:lei 军:jun 洋:yang 勇:yong 艳:yan 杰:jie 娟:juan 涛:tao
    明:ming 超:chao 秀英:xiuying 霞:xia 平:ping 刚:gang 桂英:guiying 建国:jianguo 浩然:haoran 子涵:zihan 雨桐:yutong`,
    `王:wang 李:li 张:zhang 刘:liu 陈:chen 杨:yang 黄:huang 赵:zhao 吴:wu 周:zhou 徐:xu 孙:sun 马:ma 朱:zhu 胡:hu
    郭:guo 何:he 林:lin 高:gao 罗:luo 欧阳:ouyang 司马:sima`,
    familyFirst,
  ),
  ja: people(
    `太郎:taro 花子:hanako 翔太:shota 美咲:misaki 大輔:daisuke 陽菜:hina 健一:kenichi 由美子:yumiko 蓮:ren 葵:aoi
    さくら:sakura ゆい:yui ひろし:hiroshi あかり:akari マリア:maria ケン:ken 直樹:naoki 恵子:keiko 拓海:takumi`,
    `佐藤:sato 鈴木:suzuki 高橋:takahashi 田中:tanaka 伊藤:ito 渡辺:watanabe 山本:yamamoto 中村:nakamura 小林:kobayashi
    加藤:kato 吉田:yoshida 山田:yamada 佐々木:sasaki 松本:matsumoto 井上:inoue 木村:kimura ミュラー:mueller`,
    familyFirstSpaced,
  ),
  ko: people(
    `민준:minjun 서연:seoyeon 지훈:jihoon 지우:jiwoo 현우:hyunwoo 수빈:subin 도윤:doyun 하은:haeun 영수:youngsoo
    미경:mikyung 성호:sungho 은정:eunjung 준영:junyoung 유진:yujin`,
    `김:kim 이:lee 박:park 최:choi 정:jung 강:kang 조:cho 윤:yoon 장:jang 임:lim 한:han 오:oh 서:seo 신:shin`,
    familyFirst,
  ),
  uk: people(
    `Олександр:oleksandr Марія:mariia Дмитро:dmytro Анна:anna Сергій:serhii Катерина:kateryna Олексій:oleksii Ольга:olha
    Іван:ivan Наталія:nataliia Федір:fedir Юлія:yuliia Микола:mykola Світлана:svitlana Петро:petro Ґалина:galyna`,
    `Шевченко:shevchenko Бондаренко:bondarenko Коваленко:kovalenko Чайка:chayka Мельник:melnyk Щербак:shcherbak
    Кравчук:kravchuk Гончар:honchar Соловей:solovey Мороз:moroz Ткач:tkach Зима:zyma Король:korol Жук:zhuk`,
  ),
  el: people(
    `Γιώργος:giorgos Μαρία:maria Δημήτρης:dimitris Ελένη:eleni Κώστας:kostas Κατερίνα:katerina Νίκος:nikos Σοφία:sofia
    Γιάννης:giannis Βασιλική:vasiliki Χρήστος:christos Αγγελική:angeliki`,
    `Παπαδόπουλος:papadopoulos Γεωργίου:georgiou Νικολάου:nikolaou Οικονόμου:oikonomou Βλάχος:vlachos Αθανασίου:athanasiou
    Μακρής:makris Παππάς:pappas Αγγελής:angelis Δήμου:dimou`,
  ),
  he: people(
    `דוד:david שרה:sarah משה:moshe רחל:rachel יוסף:yosef תמר:tamar אורי:uri נועה:noa איתן:eitan מאיה:maya יעל:yael`,
    `כהן:cohen לוי:levi מזרחי:mizrahi פרץ:peretz ביטון:biton דהן:dahan אברהם:avraham פרידמן:friedman כץ:katz`,
  ),
  ar: people(
    `محمد:mohammed فاطمة:fatima أحمد:ahmed عائشة:aisha علي:ali مريم:maryam يوسف:yousef نور:noor خالد:khaled ليلى:layla
    عمر:omar زينب:zainab حسن:hassan سارة:sara`,
    `الأحمد:alahmad العلي:alali المصري:almasri الحسن:alhassan السيد:alsayed النجار:alnajjar الخطيب:alkhatib حداد:haddad
    الشامي:alshami القاضي:alqadi منصور:mansour`,
  ),
  hi: people(
    `आरव:aarav अनन्या:ananya विवान:vivaan दिया:diya आदित्य:aditya प्रिया:priya राहुल:rahul सीता:sita अमित:amit नेहा:neha
    संजय:sanjay पूजा:pooja विक्रम:vikram लक्ष्मी:lakshmi`,
    `शर्मा:sharma वर्मा:verma गुप्ता:gupta सिंह:singh कुमार:kumar पटेल:patel मिश्रा:mishra जोशी:joshi यादव:yadav
    अग्रवाल:agarwal नायर:nair रेड्डी:reddy`,
  ),
  th: people(
    `สมชาย:somchai สมหญิง:somying อนันต์:anan มาลี:malee ประเสริฐ:prasert กานดา:kanda วิชัย:wichai นภา:napha`,
    `สุขใจ:sukjai ทองดี:thongdee ศรีสุข:srisuk แสงทอง:saengthong บุญมา:bunma ใจดี:jaidee`,
  ),
} as const satisfies Readonly<Record<string, NameList>>;

export type Language = keyof typeof NAMES;
